"""What a step's call says of the arm of a rollout that its run has: made from state alone, as all of a request is."""

from collections.abc import Iterator

from msgspec import structs

from schemas.records.rollouts.arms import RunArm
from schemas.records.steps import CallRollout, LlmCall
from schemas.spec.error_codes import QUARANTINE_OPEN
from streams.core.runs.plan.arguments import BindingError
from streams.core.runs.plan.model import PlanNode, Work
from streams.core.runs.state.reader import RunReader


def asked(run: RunReader, node: PlanNode) -> Work:
    """Return the work of a node that a worker works on, in this run.

    Raises ``BindingError`` for a quarantined node whose answer may be free text: it reads what must not be obeyed.
    """
    work = node.asked
    if not isinstance(work, LlmCall):
        return work
    call = of_arm(run, node, work)
    if node.open_versions and (opened := node.open_versions & set(_versions(call))):
        raise BindingError(
            QUARANTINE_OPEN,
            f"'{node.name}' is quarantined, and version {min(opened)} of prompt '{call.prompt_name}' has a schema with "
            "room for free text; use one of enums, numbers, booleans and dates alone",
        )
    return call


def _versions(call: LlmCall) -> Iterator[int]:
    """Yield the versions of the prompt that may give the answer. That of a shadow is not given."""
    yield call.prompt_version
    rollout = call.rollout
    if rollout is not None and rollout.other is not None and not rollout.shadow:
        yield rollout.other.prompt_version


def of_arm(run: RunReader, node: PlanNode, call: LlmCall) -> LlmCall:
    """Return a node's call with the arm that the run has of its prompt; as it is without one."""
    arm = arm_of(run, node, call)
    return call if arm is None else structs.replace(call, rollout=_rollout(node, arm))


def arm_of(run: RunReader, node: PlanNode, call: LlmCall) -> RunArm | None:
    """Return the arm that the run has of a node's prompt, if any."""
    if not node.label or not run.arms:
        return None
    return next((one for one in run.arms if one.ref == f"{call.prompt_name}@{node.label}"), None)


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
