"""A run as a reader sees it, as plain values that two sides can be compared by: a replay, a history, a golden file."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from schemas.ids import canonical_hash, child_index
from schemas.payload import Inline, Payload
from schemas.records.run_views import RunView, StepView
from streams.core.replay.session import Session

UNKNOWN = "unknown"
"""The hash of an output that this side does not have: it equals any."""


class StepState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step. Money is in nano-dollars, times in milliseconds since the epoch; no output has the hash ``""``."""

    status: str
    attempts: int = 0
    error_code: str = ""
    output_hash: str = ""
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None


class RunState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run with its steps by id, as of its end. Units are those of ``StepState``."""

    status: str
    error_code: str = ""
    output_hash: str = ""
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    steps: dict[str, StepState] = {}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A field that both sides have, differently. ``step_id`` is empty for a field of the run itself."""

    step_id: str
    field: str
    expected: str
    found: str


def value_of(payload: Payload) -> Any:
    """Return the value of an inline payload, or the reference as JSON."""
    return payload.value if isinstance(payload, Inline) else msgspec.to_builtins(payload)


def hash_of(value: Any) -> str:
    """Return the hash of an output as people see it; the order of keys does not matter."""
    return canonical_hash(value)


def state_of(session: Session) -> RunState:
    """Return what a replay has made by now. Raises ``ValueError`` when no run has begun."""
    view = session.view
    if view is None:
        raise ValueError(f"the records do not begin run {session.run_id}")
    return RunState(
        status=view.status,
        error_code=view.error.code if view.error else "",
        output_hash=_output_hash(view, session),
        cost_nano=view.cost_nano,
        input_tokens=view.usage.input_tokens,
        output_tokens=view.usage.output_tokens,
        started_ms=view.started_at_ms,
        finished_ms=view.finished_at_ms,
        steps={step_id: step_state(step) for step_id, step in session.steps.items()},
    )


def step_state(step: StepView) -> StepState:
    """Return a step's state."""
    return StepState(
        status=step.state,
        attempts=step.attempt,
        error_code=step.error.code if step.error else "",
        output_hash="" if step.output is None else hash_of(value_of(step.output)),
        cost_nano=step.cost_nano,
        input_tokens=step.usage.input_tokens,
        output_tokens=step.usage.output_tokens,
        started_ms=step.started_at_ms,
        finished_ms=step.finished_at_ms,
    )


def differences(expected: RunState, found: RunState, order: Mapping[str, int]) -> list[Difference]:
    """Return what differs, steps first in the order of their last change, then the run's own fields.

    A step shows before its run, since the run's state follows from its steps.
    """
    names = sorted({*expected.steps, *found.steps}, key=lambda name: (order.get(name, 0), name))
    return [
        *(one for name in names for one in _of_step(name, expected.steps.get(name), found.steps.get(name))),
        *_fields("", expected, found, RunState.__struct_fields__[:-1]),
    ]


def output_of(output: Mapping[str, Any], in_steps: Iterable[str], steps: Mapping[str, StepView]) -> dict[str, Any]:
    """Return a run's output by node as the API shows it; ``in_steps`` are nodes whose output their steps have."""
    return {node: value_of(payload) for node, payload in output.items()} | {
        node: _in_steps(node, steps) for node in in_steps
    }


def _output_hash(view: RunView, session: Session) -> str:
    if view.status != "succeeded":
        return ""
    return hash_of(output_of(session.output, view.output_in_steps, session.steps))


def _in_steps(node: str, steps: Mapping[str, StepView]) -> Any:
    own = steps.get(node)
    if own is not None and own.output is not None:
        return value_of(own.output)
    outputs = {child_index(step_id, node): step.output for step_id, step in steps.items()}
    return [value_of(output) for index, output in sorted(outputs.items()) if index >= 0 and output is not None]


def _of_step(name: str, expected: StepState | None, found: StepState | None) -> list[Difference]:
    if expected is None or found is None:
        shown = ["not there" if one is None else one.status for one in (expected, found)]
        return [Difference(step_id=name, field="status", expected=shown[0], found=shown[1])]
    return _fields(name, expected, found, StepState.__struct_fields__)


def _fields(name: str, expected: Any, found: Any, fields: Iterable[str]) -> list[Difference]:
    pairs = ((field, getattr(expected, field), getattr(found, field)) for field in fields)
    return [
        Difference(step_id=name, field=field, expected=str(one), found=str(other))
        for field, one, other in pairs
        if one != other and UNKNOWN not in (one, other)
    ]
