"""What flow control says of runs: that they are admitted, or why they end; for a restored table once more."""

from collections.abc import Iterator

from schemas.records.base import Record
from schemas.records.flow import FlowGate
from schemas.records.run_events import CancelRequested, RunAdmitted
from schemas.tables.admissions import QUEUES
from schemas.tables.flow import RUN, FlowEnd, FlowKey, FlowRun, flow_run_field
from streams.core.state import State


def flow_run(state: State, run_id: str) -> FlowRun | None:
    """Return a run that passes gates or has passed them, and is not over."""
    return state.get(QUEUES, flow_run_field(run_id))


def outstanding(state: State) -> Iterator[Record]:
    """Yield what was decided on runs that are not over, for a restored table to repeat."""
    for field in state.fields(QUEUES):
        if field.startswith(RUN):
            run_id = field.removeprefix(RUN)
            run = flow_run(state, run_id)
            yield from outstanding_of(run_id, run) if run is not None else ()


def outstanding_of(run_id: str, run: FlowRun) -> Iterator[Record]:
    """Yield the admission or the end of a run. That of one in the queue of its workflow is the queue's to repeat."""
    if run.end is not None:
        yield cancel(run_id, run, run.end)
    elif run.passed == len(run.gates) and not run.limited:
        yield admitted(run_id, run)


def admitted(run_id: str, run: FlowRun) -> RunAdmitted:
    """Return the admission of a run."""
    return RunAdmitted(run_id=run_id, org_id=run.org_id, workflow_name=run.workflow)


def cancel(run_id: str, run: FlowRun, end: FlowEnd) -> CancelRequested:
    """Return what asks a run to end."""
    return CancelRequested(run_id=run_id, org_id=run.org_id, reason=end.message, code=end.code, by_run=end.by_run)


def _of(gate: FlowGate) -> str:
    return f"the key {gate.rule}" if gate.rule else "its workflow"


def debounced(gate: FlowGate, by_run: str) -> FlowEnd:
    return FlowEnd(
        "debounced", f"run {by_run} of {_of(gate)} was submitted within {gate.period_ms} ms after it", by_run
    )


def superseded(gate: FlowGate, key: FlowKey, by_run: str) -> FlowEnd:
    """Return the end of the oldest run of a key."""
    return FlowEnd("superseded", f"it was the oldest of {key.limit} runs of {_of(gate)} when run {by_run} came", by_run)


def refused(gate: FlowGate, key: FlowKey) -> FlowEnd:
    """Return the end of a run for which a key has no room."""
    if gate.kind == "rate":
        said = f"{key.limit} runs of {_of(gate)} had started within {key.per_ms} ms; submit it again later"
        return FlowEnd("rate_exceeded", said)
    said = f"{key.limit} runs of {_of(gate)} were running; submit it again when one has ended"
    return FlowEnd("concurrency_exceeded", said)
