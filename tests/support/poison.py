"""Messages of the poison tests: valid ones of three topics, and the ways to break them."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import orjson

from deploy.local.system import ORG
from schemas.records.steps import FunctionCall, StepRequest
from schemas.spec.model import ResolvedSpec
from schemas.spec.policy import Tier
from tests.support import runs as builders
from tests.support.client import submission
from tests.support.cloudevents import structured
from tests.support.mutations import LARGE, Case, broken, cases_for
from tests.support.topics import Message
from topics import catalogue
from topics.codec import encode

#: Of each case that makes records of the size limit, a topic.
LARGE_TIMES = 3
ANYTHING_BUT_TEXT: tuple[Any, ...] = (7, None, [], {}, True)


def submission_event(flow: str, random: Random, text: str = "hello") -> Message:
    """A submission of a new run by another system."""
    return structured(ORG, f"event-{random.getrandbits(64):x}", submission(flow, {"text": text}))


def run_submitted(spec: ResolvedSpec, random: Random, **more: Any) -> Message:
    """The submission of a new run, as ingress and API append it."""
    id_ = f"run-{random.getrandbits(64):x}"
    fields = {"run_id": id_, "org_id": ORG, "inputs": {"text": "hello"}} | more
    return Message(catalogue.RUN_EVENTS, id_.encode(), encode(builders.submitted(spec, **fields)))


def step_request(random: Random, tier: Tier = "silver", **more: Any) -> Message:
    """A request for a pure function of a run that nobody else knows."""
    request = StepRequest(
        run_id=f"run-{random.getrandbits(64):x}",
        org_id=ORG,
        workflow_name="flow",
        workflow_version=1,
        step_id="merge",
        node_id="merge",
        attempt=1,
        tier=tier,
        work=FunctionCall(name="result_merger"),
        args={"text": "hello"},
        requested_at_ms=builders.START_MS,
        **more,
    )
    return Message(catalogue.lane(tier), f"{request.run_id}:{request.step_id}".encode(), encode(request))


def changed(message: Message, **changes: Any) -> Message:
    """Return a message with other fields in its document."""
    assert message.value is not None
    return replace(message, value=orjson.dumps(orjson.loads(message.value) | changes))


def changed_data(message: Message, **changes: Any) -> Message:
    """Return a CloudEvent with other fields in its data."""
    assert message.value is not None
    return changed(message, data=orjson.loads(message.value)["data"] | changes)


NUMBER: tuple[Any, ...] = ("not a number", None, -1, 1.5, [])

#: Its hash is its own, so nothing but the fold can tell.
CYCLIC = builders.resolved(builders.function("a"), builders.function("b"), edges="a>b b>a").model_dump(
    mode="json", by_alias=True
)

RUN_EVENT_CASES = cases_for(
    True,
    {
        "run_id": ANYTHING_BUT_TEXT,
        "body_hash": ANYTHING_BUT_TEXT,
        "workflow_name": ANYTHING_BUT_TEXT,
        "submitted_at_ms": NUMBER,
        "spec": ("text", 7, None, [], {"spec": {}}),
    },
    ("inputs",),
) | {
    "other spec than its hash": lambda m, r: changed(
        m, spec=orjson.loads(m.value or b"")["spec"] | {"hash": f"{r.getrandbits(256):064x}"}
    ),
    "cyclic workflow": lambda m, _: changed(m, spec=CYCLIC),
    "labels over their limit": lambda m, r: changed(m, tags={"big": "x" * (70_000 + r.randrange(1000))}),
}
REQUEST_CASES = cases_for(
    True,
    {
        "run_id": ANYTHING_BUT_TEXT,
        "step_id": ANYTHING_BUT_TEXT,
        "attempt": (*NUMBER, 0),
        "requested_at_ms": NUMBER,
        "tier": ("platinum", "Silver", 7, None),
        "work": ("function", None, [], {}, {"kind": "shell", "name": "rm"}),
    },
    ("args",),
)
SUBMISSION_CASES = cases_for(
    False,
    {
        "specversion": ("2.0", "", 1, None, []),
        "id": ("", "x" * 300, 7, None, {}),
        "source": ("", "x" * 300, 7, None, {}),
        "data": ("text", 7, None, [], {}),
    },
    ("data", "inputs"),
) | {
    "huge number": lambda m, r: changed_data(m, workflow_version=r.choice([2**62, 10**9 + 1, -1, 1e300])),
    "no such workflow": lambda m, r: changed_data(m, workflow_name=f"no-flow-{r.getrandbits(32):x}"),
    "missing input": lambda m, r: changed_data(m, inputs={f"x{r.getrandbits(32):x}": "hello"}),
    "unknown field": lambda m, r: changed_data(m, **{f"x{r.getrandbits(32):x}": 1}),
    "data twice": lambda m, _: changed(m, data_base64="e30="),
    "no base64": lambda m, _: changed(m, data=None, data_base64="!"),
    "batch": lambda m, _: replace(m, headers=(("content-type", b"application/cloudevents-batch+json"),)),
    "binary without id": lambda m, _: replace(
        m, headers=(("ce_specversion", b"1.0"), ("ce_source", b"/s"), ("ce_type", b"agentflow.workflow.submit"))
    ),
    "binary of another kind": lambda m, _: replace(
        m, headers=(("ce_specversion", b"1.0"), ("content-type", b"application/avro"))
    ),
}


def bad_messages(valid: Callable[[], Message], cases: dict[str, Case], count: int, random: Random) -> list[Message]:
    """Return messages of every case about equally often, the large ones a few times."""
    names = [name for name in sorted(cases) if name in LARGE for _ in range(LARGE_TIMES)]
    small = sorted(cases.keys() - LARGE)
    names += [small[i % len(small)] for i in range(count - len(names))]
    return [broken(valid(), cases[name], random) for name in names]
