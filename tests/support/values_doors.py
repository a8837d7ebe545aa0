"""Every door for values, in this process: a text goes in, a value or ``REFUSED`` comes out."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI

from api.caller import Caller
from api.http import problems
from api.http.concurrency_limit import Bound
from api.http.text_gate import TextGate
from api.routers.definitions import schedules
from api.routers.runs import signals, submit
from connectors.aio.clock import WallClock
from connectors.objects.store import LocalObjects
from connectors.ports.engine import Headers, InRecord, OutRecord
from connectors.postgres.schedules import StoredSchedule
from connectors.redis.submission_markers import Receipt
from connectors.tools.registry import Registry
from schemas.cloudevents.submission import EVENT_TYPE, SIGNAL_TYPE
from schemas.ids import run_id
from schemas.payload import Inline
from schemas.records.steps import FunctionCall, StepRequest
from schemas.spec.check.workflow import parse_workflow
from schemas.tables.signals import Signals
from services.calls.cancellation import Cancellations
from services.runs.attempts.answer_guards import AnswerGuards
from services.runs.attempts.private import AttemptPrivacy
from services.runs.attempts.tool_guard import ToolGuard
from services.runs.from_schedule import submission_of
from services.runs.large_inputs import LargeInputs
from services.runs.signals import SignalSender
from services.runs.submit import SubmissionPorts, Submissions
from services.security.enforcement.known import KnownPolicies
from services.workflows.resolver import make_plan
from streams.roles.ingress import Ingress
from streams.roles.worker.executor import Executor, ExecutorPorts, Tooling
from tests.support.values_corpus import REFUSED
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

ORG = "acme"
RUN = "run-1"
WORKFLOW = {
    "name": "w",
    "version": 1,
    "dag": {
        "nodes": [
            {"id": "a", "type": "function", "config": {"function_name": "f", "function_args": {"v": "{{v}}"}}},
            {"id": "s", "type": "signal", "config": {"name": "go", "timeout_ms": 1000}},
        ],
        "edges": [{"from": "a", "to": "s"}],
    },
}
_SUBMISSION = b'{"workflow_name": "w", "inputs": {"v": %s}}'
_SIGNAL = b'{"run_id": "run-1", "name": "go", "data": %s}'
_EVENT = b'{"specversion": "1.0", "id": "%d", "source": "s", "type": "%s", "data": %s}'
_OUTCOME = (
    b'{"v": "1.0", "type": "step.succeeded", "run_id": "r", "org_id": "o", "step_id": "s", "attempt": 1, '
    b'"started_at_ms": 1, "finished_at_ms": 2, "output": {"kind": "inline", "value": %s}}'
)
_SCHEDULE = b'{"name": "n", "workflow_name": "w", "interval_s": 60, "inputs": {"v": %s}}'
_TIMES = {"next_slot_ms": None, "queued_slot_ms": None, "last_slot_ms": None, "last_run_id": None, "skipped": 0}
_REST = {"problem": None, "problem_slot_ms": None, "created_ms": 0, "updated_ms": 0}


@dataclass
class Log:
    """Keeps what is appended."""

    records: list[OutRecord] = field(default_factory=list)

    async def append(self, records: Sequence[OutRecord]) -> None:
        self.records.extend(records)

    def taken(self) -> list[Any]:
        """Return the records since the last call, decoded."""
        found = [decode(record.topic, record.value) for record in self.records]
        self.records.clear()
        return found


class Parts:
    """Stands for databases: one workflow, one queued run, no earlier submission."""

    def __init__(self) -> None:
        spec = parse_workflow(WORKFLOW)
        self._plan = make_plan(spec, {})
        self._document = WORKFLOW

    async def plan(self, *_: object) -> Any:
        return self._plan

    async def claim(self, receipts: Sequence[Receipt]) -> list[None]:
        return [None] * len(receipts)

    async def confirm(self, _: object) -> None: ...

    async def find(self, *_: object) -> Any:
        return SimpleNamespace(workflow_name="w", workflow_version=1, subject="")

    async def status(self, *_: object) -> None: ...

    async def body_hashes(self, _: object) -> dict[str, Any]:
        return {}

    async def get(self, *_: object) -> Any:
        return SimpleNamespace(spec=self._document)

    async def kept(self, _: str) -> Signals:
        return Signals()

    async def authenticate(self, _: str) -> Caller:
        return Caller("key", ORG, frozenset({"read", "write"}))

    async def create(self, org_id: str, defined: dict[str, Any], next_ms: int | None) -> tuple[StoredSchedule, bool]:
        self.schedule = StoredSchedule(
            id="sch", org_id=org_id, **defined, **(_TIMES | {"next_slot_ms": next_ms}), **_REST
        )
        return self.schedule, True


class Doors:
    """The doors. Each method gives the value that a text became behind it, or ``REFUSED``."""

    def __init__(self, directory: Path) -> None:
        self.log, self.parts = Log(), Parts()
        anything: Any = self.parts
        self.objects = LocalObjects(directory)
        ports = SubmissionPorts(
            plans=anything,
            markers=anything,
            history=anything,
            appender=self.log,
            large_inputs=LargeInputs(self.objects),
        )
        submissions = Submissions(ports)
        sender = SignalSender(
            history=anything,
            markers=anything,
            workflows=anything,
            objects=self.objects,
            appender=self.log,
            signals=anything,
        )
        self.letters: dict[int, str] = {}
        self._ingress = Ingress(submissions, sender, self._letter)
        self._app = _app(submissions, sender, anything)
        self._given: list[Any] = []
        self._executor = self._worker(directory)

    async def submission(self, text: bytes) -> Any:
        status = await self._post("/api/v1/workflows/runs", _SUBMISSION % text)
        return _verdict(status, 202, self.log.taken(), lambda record: record.inputs["v"])

    async def signal(self, text: bytes) -> Any:
        status = await self._post(f"/api/v1/workflows/runs/{RUN}/signals/go", text)
        return _verdict(status, 202, self.log.taken(), lambda record: record.payload.value)

    async def schedule(self, text: bytes) -> Any:
        status = await self._post("/api/v1/schedules", _SCHEDULE % text)
        stored = [self.parts.schedule] if status == 201 else []
        return _verdict(status, 201, stored, lambda one: submission_of(one, 0).inputs["v"])

    async def events(self, texts: Sequence[bytes], mode: str) -> list[Any]:
        """Return what texts became as submissions or signals of Kafka or NATS, in one of the modes of CloudEvents."""
        self.letters.clear()
        await self._ingress.write([self._record(number, text, mode) for number, text in enumerate(texts)])
        found = iter(self.log.taken())
        if mode == "signal":
            return [REFUSED if number in self.letters else next(found).payload.value for number in range(len(texts))]
        values = {record.run_id: record.inputs["v"] for record in found}
        return [values.get(run_id(ORG, "s", str(number)), REFUSED) for number in range(len(texts))]

    async def output(self, value: Any) -> Any:
        """Return what a tool's or function's output became, or ``REFUSED`` if its attempt failed as ``bad_output``."""
        self._given[:] = [value]
        executed = await self._executor.execute(self._request, None)
        if executed.error_code is not None:
            assert executed.error_code == "bad_output", executed
            return REFUSED
        output = executed.records[-1].output  # type: ignore[attr-defined]
        assert isinstance(output, Inline)
        return output.value

    async def _post(self, path: str, body: bytes) -> int:
        return await post(self._app, path, body)

    async def _letter(self, record: InRecord, reason: str, message: str) -> None:
        assert reason
        assert message
        self.letters[record.offset] = reason

    def _record(self, number: int, text: bytes, mode: str) -> InRecord:
        headers: Headers = (("content-type", b"application/cloudevents+json"),)
        if mode == "binary":
            named = {"specversion": "1.0", "id": str(number), "source": "s", "type": EVENT_TYPE}
            headers = tuple((f"ce_{name}", value.encode()) for name, value in named.items())
            value = _SUBMISSION % text
        elif mode == "base64":
            data = base64.b64encode(_SUBMISSION % text).decode()
            event = {"specversion": "1.0", "id": str(number), "source": "s", "type": EVENT_TYPE, "data_base64": data}
            value = json.dumps(event).encode()
        else:
            kind, data_of = (SIGNAL_TYPE, _SIGNAL) if mode == "signal" else (EVENT_TYPE, _SUBMISSION)
            value = _EVENT % (number, kind.encode(), data_of % text)
        return InRecord(f"workflow-submissions.{ORG}", 0, number, 0, None, value, headers)

    def _worker(self, directory: Path) -> Executor:
        registry = Registry()

        @registry.function("give", blocking=False)
        def give() -> Any:
            return self._given[0]

        async def no_model(_: object) -> Any:
            raise AssertionError

        async def said(_: object) -> None:
            raise AssertionError

        clock = WallClock()
        self._request = StepRequest(
            run_id=RUN,
            org_id=ORG,
            workflow_name="w",
            workflow_version=1,
            step_id="a",
            node_id="a",
            attempt=1,
            tier="silver",
            requested_at_ms=1,
            work=FunctionCall(name="give"),
        )
        return Executor(
            "w1",
            Tooling(registry=registry, documents_dir=directory),
            ExecutorPorts(
                call_model=no_model,
                objects=self.objects,
                clock=clock,
                aborts=Cancellations(clock),
                guard=ToolGuard(KnownPolicies(), said, clock),
                answer_guards=AnswerGuards(KnownPolicies(), {}),
                privacy=AttemptPrivacy(KnownPolicies(), None, clock),
            ),
        )


class _AllHere:
    """Says that every organisation is answered here."""

    async def check(self, org_id: str) -> None:
        """Let it pass."""


class _NoAudit:
    """What takes the use of keys, and drops it."""

    def used(self, org_id: str, actor: str) -> None:
        """Take no note."""


def _app(submissions: Submissions, sender: SignalSender, anything: Any) -> FastAPI:
    app = FastAPI()
    app.state.services = SimpleNamespace(
        access=SimpleNamespace(authenticator=anything, places=_AllHere()),
        runs=SimpleNamespace(submissions=submissions, signals=sender, bound=Bound("submissions", 100)),
        schedules=SimpleNamespace(stored=anything),
        audit=SimpleNamespace(auditing=_NoAudit()),
    )
    for router in (submit.router, signals.router, schedules.router):
        app.include_router(router)
    problems.install(app)
    app.add_middleware(TextGate)
    return app


def outcome_of_a_foreign_worker(text: bytes) -> Any:
    """Return what the output of a worker becomes that writes its outcomes by itself; raises ``Undecodable``."""
    return decode(RUN_EVENTS, _OUTCOME % text).output.value


async def post(app: FastAPI, path: str, body: bytes) -> int:
    """Return the status of one request, made without a client."""
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer key"), (b"host", b"api")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    shared = {"headers": headers, "scheme": "http", "server": ("api", 80), "client": ("me", 1), "http_version": "1.1"}
    await app(scope | shared, receive, send)
    return status


def _verdict(status: int, accepted: int, found: list[Any], value: Callable[[Any], Any]) -> Any:
    if status == accepted:
        (one,) = found
        return value(one)
    assert status in (400, 422), f"a text was answered with {status}"
    assert not found, "a text was refused and taken"
    return REFUSED
