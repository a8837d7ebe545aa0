"""A run that goes on from another one's results: its first steps are there before anything is asked for."""

from collections.abc import Mapping
from typing import Any

from schemas.errors import BadRecord
from schemas.ids import child_step_id, forked_from
from schemas.payload import Inline, Payload, Reference
from schemas.records.run_events import Reused
from schemas.spec.loops import iteration_prefix
from streams.core.runs.labels.control import after_iteration
from streams.core.runs.labels.kept import as_kept
from streams.core.runs.nodes.loop import Loop
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import MapCounts, Step


def reuse(run: RunChanges, results: Mapping[str, Reused]) -> None:
    """Give every node of ``results`` the step that it had, without attempts and cost.

    Raises ``BadRecord`` when nothing would be left to do, or the results are not of this workflow.
    """
    nodes = run.plan.nodes
    if forked_from(run.header.source) is None:
        raise BadRecord(
            "bad_reuse", f"a run with results of another one has the source fork:<id>, not {run.header.source!r}"
        )
    unknown = sorted(results.keys() - (nodes.keys() - run.plan.apart))
    if unknown or len(results) >= run.plan.size:
        what = f"no node {unknown[0]!r}" if unknown else "nothing left to do"
        raise BadRecord("bad_reuse", f"run {run.run_id} begins with results of a workflow that has {what}")
    for node in nodes.values():
        result = results.get(node.id)
        if result is not None:
            _begin(run, node, result)
            run.done += 1


def _begin(run: RunChanges, node: PlanNode, result: Reused) -> None:
    done: dict[str, Any] = {"requested_at_ms": run.now_ms, "finished_at_ms": run.now_ms}
    if result.state == "skipped":
        run.leave(node.id, _kept(run, node.id, Step(node.id, "skipped", **done)))
    elif node.parallel and not _is_stored_list(result.output):
        children = _need(node, result.children, "outputs of children")
        whole = Step(node.id, "succeeded", total=len(children), **done)
        run.begin(node.id, _kept(run, node.id, whole), reused=True)
        for index, output in enumerate(children):
            step = Step(node.id, "succeeded", index=index, **_output(output), **done)
            step_id = child_step_id(node.id, index)
            run.begin(step_id, _kept(run, step_id, step), reused=True)
    else:
        whole = Step(node.id, "succeeded", **_output(_need(node, result.output, "an output")), **done)
        run.begin(node.id, _kept(run, node.id, whole), reused=True)
        if node.body is not None:
            _begin_iterations(run, node, result, done)


def _kept(run: RunChanges, step_id: str, step: Step) -> Step:
    return step if run.security is None else as_kept(run, run.security, step_id, step)


def _begin_iterations(run: RunChanges, loop: PlanNode, result: Reused, done: dict[str, Any]) -> None:
    """Give the iterations of a loop the outputs that they had; nothing else of them is needed."""
    outputs = _need(loop, result.children, "outputs of iterations")
    run.maps[loop.id] = MapCounts(len(outputs), asked=len(outputs), ended=len(outputs))
    for number, output in enumerate(outputs, start=1):
        step_id = f"{iteration_prefix(loop.id, number)}{loop.gives}"
        step = Step(step_id, "succeeded", **_output(output), **done)
        run.begin(step_id, _kept(run, step_id, step), reused=True)
    if run.security is not None:
        # Its condition was asked after each iteration, and by ``while`` before the first one, too.
        asks, whole = loop.data(Loop), run.recorded(loop.id)
        for ended in range(0 if asks.holds else 1, len(outputs) + 1):
            decided = after_iteration(run, run.security, loop, whole, asks.condition, ended)
            whole = run.change(loop.id, whole, decided=decided)


def _is_stored_list(output: Payload | None) -> bool:
    return isinstance(output, Reference) and output.length is not None


def _output(output: Payload) -> dict[str, Any]:
    return {"value": output} if isinstance(output, Inline) else {"stored": output}


def _need(node: PlanNode, found: Any, what: str) -> Any:
    if found is None:
        raise BadRecord("bad_reuse", f"'{node.id}' is to be reused and comes without {what}")
    return found
