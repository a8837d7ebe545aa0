"""Runs of data subjects: every value of theirs is sealed, a person is erased in the middle, and some workers err.

The key of a person is a number that the world has, until that person is erased: then nothing opens any more.
A worker that errs writes to the log itself, in clear or for another person.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from random import Random
from typing import Any

import orjson
from msgspec import structs

from schemas.ids import canonical_hash
from schemas.payload import Inline, Payload, Reference, inline, walk
from schemas.privacy.sealed import ERASED_MESSAGE, inline_uri, is_sealed, place_of
from schemas.privacy.wants import Want, decided
from schemas.records.base import ErrorInfo
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView, StepView
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import SUBJECT_ERASED
from schemas.spec.rules_version import OUTCOMES
from tests.simulation.world.workflows import FAST, OPTIONAL, TIMED
from tests.support.families import family, flow, runs
from tests.support.runs import function, loop, resolved, switch

#: What a worker that errs writes in clear.
CLEAR = "Ada Lovelace, 12 Saint James's Square"
#: Of two persons, the second is never erased.
PERSONS = ("sub_" + "a" * 32, "sub_" + "b" * 32)
_KEY = b"of a person"

SPEC = resolved(
    function("a", FAST, inputs={"q": "{{q}}"}),
    switch("s", ("a.output > 7", "x"), default="y"),
    *(function("x", FAST, inputs={"a": "a.output"}), function("y", OPTIONAL, inputs={"a": "a.output"})),
    loop(
        "l",
        function("draft", TIMED, inputs={"of": "a.output", "before": "loop.previous"}),
        until="loop.output > 9",
        max_iterations=3,
        on_exhausted="last",
    ),
    runs("r", "kid", FAST, inputs={"v": "a.output"}),
    function("z", FAST, join="all_done", inputs={"x": "x.output", "y": "y.output", "l": "l.output", "r": "r.output"}),
    edges="a>s s>x s>y a>l a>r x>z y>z l>z r>z",
    family=family(flow("kid", function("k", FAST, inputs={"v": "{{v}}"}), function("i", FAST), edges="k>i")),
)
#: Of one step after the other, which are chained where that is on.
ROW = resolved(
    *(function("a", FAST, inputs={"q": "{{q}}"}), function("b", FAST, condition="a.output > 3")),
    *(function("c", FAST, join="all_done", inputs={"a": "a.output"}), function("d", FAST)),
    edges="a>b b>c c>d",
)


class Persons:
    """The keys of persons. ``erased`` are those that are destroyed, ``erring`` attempts that were said in clear."""

    def __init__(self) -> None:
        self.erased: set[str] = set()
        self.erring: set[tuple[str, str]] = set()

    def sealed(self, subject: str, value: Any, wants: list[Want]) -> Reference | None:
        """Return a value sealed, ``None`` once its person is erased."""
        return None if subject in self.erased else sealed(subject, value, wants)

    def args(self, request: StepRequest) -> dict[str, Any] | None:
        """Return the arguments of a request in clear, ``None`` when some are of an erased person."""
        found: dict[str, Any] = orjson.loads(orjson.dumps(request.args))
        for link in request.links:
            if is_sealed(link.payload) and place_of(link.payload).subject in self.erased:  # type: ignore[arg-type]
                return None
            value = walk(clear(link.payload), link.path)
            if not link.at:
                found = value
                continue
            holder: Any = found
            for part in link.at[:-1]:
                holder = holder[part]
            holder[link.at[-1]] = value
        return found


def sealed(subject: str, value: Any, wants: list[Want]) -> Reference:
    """Return a value as records have it, with what the fold asks of it decided."""
    plain = orjson.dumps(value)
    data = bytes(a ^ b for a, b in zip(plain.ljust(len(_KEY)), _KEY * (len(plain) // len(_KEY) + 1), strict=False))
    uri = inline_uri(subject, data)
    digest = sha256(uri.encode()).hexdigest()
    return Reference(uri=uri, sha256=digest, size=len(plain), decided=decided(wants, value))


def clear(payload: Payload) -> Any:
    """Return the value of a payload, as nobody but an oracle can once its person is erased."""
    if isinstance(payload, Inline):
        return payload.value
    data = place_of(payload).data or b""
    return orjson.loads(bytes(a ^ b for a, b in zip(data, _KEY * (len(data) // len(_KEY) + 1), strict=False)))


def subjected(run: RunSubmitted, number: int, *, chains: bool) -> RunSubmitted:
    """Return a submission of a person's run."""
    subject = PERSONS[number % 2]
    stored = {"q": sealed(subject, number, [])}
    spec = ROW if chains else SPEC
    return structs.replace(
        run,
        spec=spec,
        inputs={"q": None},
        stored_inputs=stored,
        subject=subject,
        rules_version=OUTCOMES,
        body_hash=canonical_hash([number]),
    )


def said(persons: Persons, request: StepRequest, outcome: StepSucceeded | StepFailed, rng: Random) -> Any:
    """Return what a worker says of an attempt: sealed, or in clear when it errs, or that its person is erased."""
    if rng.random() < 0.06:
        persons.erring.add((request.run_id, request.step_id))
        return _in_clear(request, outcome, rng)
    failed = isinstance(outcome, StepFailed)
    plain = {"message": outcome.error.message} if isinstance(outcome, StepFailed) else clear(outcome.output)
    found = persons.sealed(request.subject, plain, [] if failed else request.wants)
    if found is None or persons.args(request) is None:
        return _failed(outcome, ErrorInfo(code=SUBJECT_ERASED, message=ERASED_MESSAGE))
    if isinstance(outcome, StepFailed):
        return structs.replace(outcome, error=structs.replace(outcome.error, message="sealed", sealed=found))
    return structs.replace(outcome, output=found)


def _in_clear(request: StepRequest, outcome: StepSucceeded | StepFailed, rng: Random) -> Any:
    if isinstance(outcome, StepFailed):
        return _failed(outcome, ErrorInfo(code="boom", message=CLEAR))
    other = next(one for one in PERSONS if one != request.subject)
    output: Payload = inline(CLEAR) if rng.random() < 0.5 else sealed(other, CLEAR, request.wants)
    return structs.replace(outcome, output=output)


def is_good(request: StepRequest, said: StepSucceeded) -> bool:
    """Return whether a worker may go on with what it said: a run with a person has nothing but sealed outputs."""
    if not request.subject:
        return True
    return is_sealed(said.output) and place_of(said.output).subject == request.subject  # type: ignore[arg-type]


def _failed(outcome: StepSucceeded | StepFailed, error: ErrorInfo) -> StepFailed:
    kept = {name: getattr(outcome, name) for name in StepFailed.__struct_fields__ if name not in ("error", "exposed")}
    return StepFailed(error=error, **kept)


def opened(record: Any) -> Any:
    """Return a record with its outputs in clear: for oracles, which know everything."""
    if isinstance(record, StepSucceeded):
        return structs.replace(record, output=_plain(record.output))
    return _view(record) if isinstance(record, RunView) else record


def _view(view: RunView) -> RunView:
    output = None if view.output is None else {name: _plain(one) for name, one in view.output.items()}
    return structs.replace(view, output=output, steps=[_step(step) for step in view.steps])


def _step(step: StepView) -> StepView:
    return step if step.output is None else structs.replace(step, output=_plain(step.output))


def _plain(payload: Payload) -> Payload:
    return inline(clear(payload)) if is_sealed(payload) else payload


def in_clear(run: RunSubmitted) -> RunSubmitted:
    """Return a submission with its inputs in clear."""
    stored = run.stored_inputs
    inputs = {name: clear(stored[name]) if name in stored else value for name, value in run.inputs.items()}
    return structs.replace(run, inputs=inputs)


def encoded(text: str) -> list[bytes]:
    """Return the bytes by which a text would be found in clear."""
    return [text.encode(), urlsafe_b64encode(text.encode()).rstrip(b"=")]
