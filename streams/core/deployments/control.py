"""How a deployment begins, and what somebody decides by hand. By hand wins over the statistics, before and after."""

from schemas.errors import BadRecord
from schemas.records.rollouts.deployments import DeploymentOverridden, DeploymentStarted, DeploymentStepped
from schemas.rollouts.looks import Verdict
from schemas.rollouts.plan import Status
from schemas.tables.deployments import HEAD, Head, Units, rollout_entity
from streams.core.commands import Command
from streams.core.deployments.changes import DeploymentChanges
from streams.core.state import State

_ACTIONS: dict[str, Status] = {"promote": "promoted", "rollback": "rolled_back", "stop": "stopped"}


def start(state: State, event: DeploymentStarted, now_ms: int) -> list[Command]:
    """Begin a deployment, unless one runs. Raises ``BadRecord`` for a plan that means nothing."""
    problem = event.plan.problem()
    if problem is not None:
        raise BadRecord(problem[0], f"{problem[1]}; {problem[2]}")
    entity = rollout_entity(event.rollout)
    before = state.get(entity, HEAD)
    if before is not None and (before.status == "running" or before.deployment_id == event.deployment_id):
        return []
    for field in list(state.fields(entity)):
        state.drop(entity, field)
    changes = DeploymentChanges(state, event, _head(event, now_ms), now_ms)
    at_once = event.plan.mode == "all"
    changes.decide(Verdict("promoted", 0, "all_at_once") if at_once else Verdict("running", 0, "started"), event.by)
    return changes.done()


def _head(event: DeploymentStarted, now_ms: int) -> Head:
    steps = len(event.plan.steps)
    return Head(
        deployment_id=event.deployment_id,
        stable_version=event.stable_version,
        canary_version=event.canary_version,
        plan=event.plan,
        started_ms=now_ms,
        step_ms=now_ms,
        units=(Units(),) * steps,
        canary_runs=(0,) * steps,
    )


def step(changes: DeploymentChanges, event: DeploymentStepped) -> None:
    """Move a running deployment to a later step. Raises ``BadRecord`` for a step that its plan has not."""
    head = changes.head
    if event.step >= len(head.plan.steps):
        raise BadRecord("step", f"the plan has {len(head.plan.steps)} steps; give one below that, from 0 on")
    if head.status == "running" and event.step > head.step:
        changes.decide(Verdict("running", event.step, "step_by_hand"), event.by)


def override(changes: DeploymentChanges, event: DeploymentOverridden) -> None:
    """Decide by hand, also over what was decided before. A repeat changes nothing."""
    status = _ACTIONS[event.action]
    if not (changes.head.by_hand and changes.head.status == status):
        changes.override(Verdict(status, changes.head.step, "by_hand"), event.by)
