"""What a step's call says of the arm of a rollout that its run has: made from state alone, as all of a request is."""

from msgspec import structs

from schemas.records.rollouts.arms import RunArm
from schemas.records.steps import CallRollout, LlmCall
from streams.core.runs.plan.model import PlanNode, Work
from streams.core.runs.state.reader import RunReader


def asked(turn: RunReader, node: PlanNode) -> Work:
    """Return the work of a node that a worker works on, in this run."""
    work = node.asked
    return of_arm(turn, node, work) if isinstance(work, LlmCall) else work


def of_arm(turn: RunReader, node: PlanNode, call: LlmCall) -> LlmCall:
    """Return a node's call with the arm that the run has of its prompt; as it is without one."""
    arm = arm_of(turn, node, call)
    return call if arm is None else structs.replace(call, rollout=_rollout(node, arm))


def arm_of(turn: RunReader, node: PlanNode, call: LlmCall) -> RunArm | None:
    """Return the arm that the run has of a node's prompt, if any."""
    if not node.label or not turn.arms:
        return None
    return next((one for one in turn.arms if one.ref == f"{call.prompt_name}@{node.label}"), None)


def _rollout(node: PlanNode, arm: RunArm) -> CallRollout:
    other = node.others.get(arm.other_version)
    return CallRollout(
        environment=arm.environment,
        deployment_id=arm.deployment_id,
        arm=arm.arm,
        step=arm.step,
        entity=arm.entity,
        run_id=arm.run_id,
        shadow=arm.shadow,
        other=None if other is None else other.call,
        other_tools=[] if other is None else list(other.tools),
    )
