"""What the end of a step says of the arm of a rollout that its call has: one outcome for each arm of a run.

1. The first step that ends counts, after its retries. Of a mapped node that is the child 0 and of a loop the first
   iteration, so that fast or lucky ones are not chosen.
2. A success was rendered, and a failure was if its worker says so (``StepFailed.exposed``). A run that was not exposed
   has no outcome; one that was and has none counts as an error after a while, see ``streams.core.deployments``.
3. A shadow's outcomes are its worker's, which alone knows both answers. What is reused was exposed in another run.
4. The outcome is kept with the run, so that a restored table says it again.
"""

from collections.abc import Iterator

from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunOutcome
from schemas.records.run_events import RunEvent, RunSubmitted, StepFailed
from schemas.run_states import TERMINAL_STEP
from schemas.tables.runs import ARM_OUTCOMES
from streams.core.commands import Command, Emit
from streams.core.runs.plan.agent_ids import turn_id
from streams.core.runs.plan.model import is_part
from streams.core.runs.requests.agent_parts import Agent, spent_of
from streams.core.runs.requests.arms import arm_of
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step, step_field
from streams.core.runs.state.reader import RunReader
from streams.core.state import State


def new_outcomes(state: State, run: RunChanges, event: RunEvent) -> list[Command]:
    """Return the outcomes that an event brings, and keep them. It is asked before the steps are written."""
    if not run.arms:
        return []
    known = state.get(run.run_id, ARM_OUTCOMES) or ()
    said = {one.deployment_id for one in known}
    found: list[RunOutcome] = []
    for step_id, step in run.changed.items():
        before = state.get(run.run_id, step_field(step_id))
        if before is not None and before.state in TERMINAL_STEP:
            continue
        arm = _arm(run, step_id, step)
        if arm is not None and arm.deployment_id not in said and _is_outcome(step, event):
            said.add(arm.deployment_id)
            found.append(_outcome(run, arm, step_id, step))
    if found:
        state.put(run.run_id, ARM_OUTCOMES, (*known, *found))
    return [Emit(one) for one in found]


def outcomes_again(state: State, run: RunReader) -> Iterator[Command]:
    """Yield the outcomes of a run as they were said."""
    if run.arms:
        yield from (Emit(one) for one in state.get(run.run_id, ARM_OUTCOMES) or ())


def _arm(run: RunChanges, step_id: str, step: Step) -> RunArm | None:
    """Return the arm that the step decides over, if there is one."""
    if step.index not in (None, 0) or step.total is not None or step.gather is not None or is_part(step_id):
        return None
    node = run.node_of(step)
    if node.call is None or node.iteration > 1:
        return None
    arm = arm_of(run, node, node.call)
    return None if arm is None or arm.shadow else arm


def _is_outcome(step: Step, event: RunEvent) -> bool:
    if step.state == "succeeded":
        return not isinstance(event, RunSubmitted)
    return step.state == "failed" and isinstance(event, StepFailed) and event.exposed


def _outcome(run: RunChanges, arm: RunArm, step_id: str, step: Step) -> RunOutcome:
    node = run.node_of(step)
    cost = step.cost_nano
    if isinstance(node.own, Agent):
        number = 0
        while run.step(turn_id(step_id, number + 1)) is not None:
            number += 1
        cost += spent_of(run, step_id, number)
    began = step.started_at_ms or step.requested_at_ms or run.now_ms
    return RunOutcome(
        org_id=run.header.org_id,
        prompt=arm.prompt,
        environment=arm.environment,
        deployment_id=arm.deployment_id,
        run_id=arm.run_id or run.run_id,
        arm=arm.arm,
        step=arm.step,
        entity=arm.entity,
        ok=step.state == "succeeded",
        cost_nano=cost,
        latency_ms=float(max(0, (step.finished_at_ms or run.now_ms) - began)),
    )
