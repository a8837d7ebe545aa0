"""Nodes of type ``loop``: a body of nodes that runs again, until a condition holds or while it does.

    refine                 waits, for the steps below, as long as the loop lasts
    refine~1/draft         a step of the first iteration, requested, paid, retried and recorded like any step
    refine~1/judge
    refine~2/draft         the second iteration begins when all of the first is settled

1. An iteration is a run of the body: its joins, conditions and switches decide as those of a workflow. It ends when all
   of its nodes are settled. Its output is that of one node, null where that was skipped.
2. ``until`` is asked after each iteration, ``while`` before each one. A condition that cannot be decided is false.
3. A node of the body that fails for good, and is not optional, fails the loop by its error; so does a condition that
   cannot be read. After ``max_iterations`` without an end the loop fails (``loop_exhausted``), or ends with its last
   output.
4. The loop's output is the last iteration's, null without any. All outputs are read from the steps.

How far a loop is, is in the run's counts (``MapCounts``): ``asked`` iterations have begun, ``ended`` have ended.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.payload import Payload, inline
from schemas.records.base import ErrorInfo
from schemas.spec.conditions import Condition, compile_condition
from schemas.spec.loops import CONDITION_NAMES, iteration_prefix, output_node
from schemas.spec.model import LoopNode
from schemas.spec.references import LOOP
from streams.core.runs.labels.control import after_iteration
from streams.core.runs.nodes.decide import ask
from streams.core.runs.nodes.kind import Compiled, Compiling, Ended, KindRules
from streams.core.runs.plan.arguments import BindingError, Datum, Output, Scope
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.step_request import node_scope
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import MapCounts, Step
from streams.core.runs.state.reader import RunReader


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop. It continues ``while`` the condition holds (``holds`` is true), or until it does."""

    condition: Condition
    holds: bool
    most: int
    fails_exhausted: bool


def compile_loop(node: LoopNode, compiling: Compiling) -> Compiled:
    """Return a loop with its body. Raises ``BadCondition`` and ``BadRecord``."""
    config = node.config
    text = config.while_ if config.until is None else config.until
    condition = compile_condition(text or "", compiling.above | CONDITION_NAMES)
    own = Loop(condition, config.until is None, config.max_iterations, config.on_exhausted == "fail")
    gives = output_node(config) or config.body[-1].id
    return Compiled(own=own, body=compiling.body(config.body, config.edges), gives=gives)


def start(run: RunChanges, node: PlanNode, _step_id: str, step: Step, _item: Datum | None) -> Step:
    """Return how a loop waits for its first iteration; ``while`` may end it at once. Raises ``BindingError``."""
    loop = node.data(Loop)
    run.maps[node.id] = MapCounts(loop.most)
    if loop.holds:
        step = msgspec.structs.replace(step, **_decided(run, node, step))
    if loop.holds and not _holds(run, node, step, 1):
        return msgspec.structs.replace(step, state="succeeded", value=inline(None), finished_at_ms=run.now_ms)
    run.maps[node.id] = MapCounts(loop.most, asked=1)
    return msgspec.structs.replace(step, state="waiting", timer=None, due_ms=None, waiting_for=_waits(1, loop))


def settled(run: RunChanges, step_id: str, step: Step, _result: Any) -> Ended | None:
    """Go on after a node of the body is settled, or failed for good; return how the loop ended, if it did."""
    part = run.node_of(step)
    node = run.plan.nodes[part.loop or ""]
    if step.state == "failed" and not part.policy.optional:
        return _failed(node, step.error, step_id)
    if not all(run.settled(f"{iteration_prefix(node.id, part.iteration)}{name}") for name in node.body or ()):
        return None
    run.maps[node.id] = msgspec.structs.replace(run.maps[node.id], ended=part.iteration)
    try:
        return _after(run, node, part.iteration)
    except BindingError as exc:
        return _failed(node, ErrorInfo(code=exc.code, message=str(exc)), node.id)


def roots_due(run: RunReader, node: PlanNode) -> list[PlanNode]:
    """Return the nodes with which the current iteration of an open loop begins, unless it has begun."""
    counts = run.maps[node.id]
    if counts.asked == counts.ended:
        return []
    prefix = iteration_prefix(node.id, counts.asked)
    first = [run.plan.nodes[f"{prefix}{one.id}"] for one in (node.body or {}).values() if not one.predecessors]
    return [] if any(run.begun(one.id) for one in first) else first


def _after(run: RunChanges, node: PlanNode, number: int) -> Ended | None:
    """End the loop after an iteration, or begin the next one. Raises ``BindingError``."""
    loop, step = node.data(Loop), run.recorded(node.id)
    if run.security is not None:
        step = run.change(node.id, step, **_decided(run, node, step))
    # ``until`` is asked of the iteration that ended, ``while`` of the one that would begin.
    if _holds(run, node, step, number + 1 if loop.holds else number) is not loop.holds:
        return Ended(node.id, output=_output(run, node, number))
    if number < loop.most:
        run.maps[node.id] = msgspec.structs.replace(run.maps[node.id], asked=number + 1)
        run.change(node.id, step, waiting_for=_waits(number + 1, loop))
        return None
    if not loop.fails_exhausted:
        return Ended(node.id, output=_output(run, node, number))
    said = "still holds" if loop.holds else "did not hold"
    message = f"the condition of '{node.id}' {said} after {number} iterations; raise max_iterations, or write "
    return _failed(node, ErrorInfo(code="loop_exhausted", message=f"{message}`on_exhausted: last`"), node.id)


def _failed(node: PlanNode, error: ErrorInfo | None, step_id: str) -> Ended:
    why = error or ErrorInfo(code="failed", message=f"'{step_id}' failed")
    return Ended(node.id, error=msgspec.structs.replace(why, retryable=False, step_id=step_id))


def _holds(run: RunReader, node: PlanNode, step: Step, number: int) -> bool:
    """Return whether the condition holds at an iteration. Raises ``BindingError`` when it cannot be read."""
    scope = node_scope(run, node, step)
    ended = run.maps[node.id].ended
    values = {
        f"{LOOP}.output": run.iteration_output(node, ended),
        f"{LOOP}.previous": run.iteration_output(node, number - 1),
        f"{LOOP}.iteration": inline(number),
    }

    def outputs(source: str) -> Output:
        return values[source] if source in values else scope.outputs(source)

    within = Scope(scope.inputs, outputs, stored=scope.stored)
    return ask(node.id, node.data(Loop).condition, within).holds


def _decided(run: RunReader, node: PlanNode, step: Step) -> dict[str, Any]:
    """Return what its condition adds to the label of what decided about a loop, in a run with labels."""
    if run.security is None:
        return {}
    ended = run.maps[node.id].ended
    return {"decided": after_iteration(run, run.security, node, step, node.data(Loop).condition, ended)}


def _output(run: RunReader, node: PlanNode, number: int) -> Payload:
    """Return what a loop gives if an iteration was its last one."""
    return run.iteration_output(node, number) or inline(None)


def _waits(number: int, loop: Loop) -> str:
    return f"iteration {number} of {loop.most}"


LOOP_RULES = KindRules(compile_loop, start, on_result=settled)
