"""What a run that a step waits for tells that step's run when it has ended.

Its output is that of its last node, as it is: its value, where it is stored, or for a mapped node the list of its
children's outputs, stored as one object first if it is large (``is_answer``). Several last nodes make one object by
their ids, null for those without an output, if it fits inside a record.
"""

from schemas.payload import INLINE_LIMIT, Inline, Payload, Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import ChildFinished
from schemas.run_states import is_run_end
from streams.core.runs.labels.results_of_run import answer_with_labels, label_of_end
from streams.core.runs.plan.arguments import Output, Outputs
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.sizes import KIB, OUTPUT_LIMIT, json_size, payload_size
from streams.core.runs.state.reader import RunReader


def answer(run: RunReader) -> ChildFinished | None:
    """Return what a run that has ended tells its parent; ``None`` for one that nobody waits for."""
    parent = run.parent
    if parent is None or parent.detached or not is_run_end(run.status):
        return None
    output, error = (None, run.error) if run.status != "succeeded" else _output(run)
    if output is not None:
        output = answer_with_labels(run, output)
    return ChildFinished(
        run_id=parent.run_id,
        org_id=run.header.org_id,
        step_id=parent.step_id,
        attempt=parent.attempt,
        child_run_id=run.run_id,
        status=run.status,
        output=output,
        error=error,
        cost_nano=run.cost_nano + run.children_nano,
        usage=run.usage,
        version=run.version + 1,
        label=label_of_end(run),
    )


def is_answer(run: RunReader, node: PlanNode) -> bool:
    """Return whether the output of a node is what its run's parent waits for."""
    if run.plan.sinks != (node,):
        return False
    parent = run.parent
    return parent is not None and not parent.detached


def _output(run: RunReader) -> tuple[Payload | None, ErrorInfo | None]:
    sinks = run.plan.sinks
    if len(sinks) == 1:
        found = _whole(run.output(sinks[0].id))
        return (found, None) if found is not None else (None, _too_large(f"the list of '{sinks[0].id}'"))
    values, size = {}, 0
    for sink in sinks:
        one = _whole(run.output(sink.id))
        size += INLINE_LIMIT if one is None or isinstance(one, Reference) else json_size(one.value)
        if size >= INLINE_LIMIT or not isinstance(one, Inline):
            return None, _too_large("what its last nodes gave together")
        values[sink.id] = one.value
    return inline(values), None


def _whole(output: Output) -> Payload | None:
    """Return an output as one payload, null where there is none; ``None`` for a list that cannot be one."""
    if output is None:
        return inline(None)
    if not isinstance(output, Outputs):
        return output
    if output.gathered is not None:
        return output.gathered
    values = []
    for one in output:
        if not isinstance(one, Inline):
            return None
        values.append(one.value)
    found = inline(values)
    return found if payload_size(found) <= OUTPUT_LIMIT else None


def _too_large(what: str) -> ErrorInfo:
    return ErrorInfo(
        code="child_output_too_large",
        message=f"the run succeeded, and {what} is too large to travel to its parent in one record (over "
        f"{INLINE_LIMIT // KIB} KiB, or stored outside); end the workflow in one node that gives what its parent needs",
    )
