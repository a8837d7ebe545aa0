"""What other systems are sent of a rollout: a CloudEvent for each decision, with its numbers."""

import msgspec

from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.records.rollouts.events import (
    RolloutDecision,
    RolloutEvent,
    RolloutPromoted,
    RolloutRolledBack,
    RolloutStarted,
    RolloutStepped,
    RolloutStopped,
)
from schemas.rollouts.plan import Status
from schemas.timestamps import format_time

SOURCE = "/agentflow/rollouts"

_OVER: dict[Status, type[RolloutPromoted | RolloutRolledBack | RolloutStopped]] = {
    "promoted": RolloutPromoted,
    "rolled_back": RolloutRolledBack,
    "stopped": RolloutStopped,
}


def event_of(decided: DeploymentDecided) -> RolloutEvent:
    """Return the event of a decision: the same bytes whenever it is sent again."""
    running = RolloutStarted if decided.reason == "started" else RolloutStepped
    kind = _OVER.get(decided.status, running)
    return kind(
        specversion="1.0",
        id=f"{decided.deployment_id}/{decided.number}",
        source=SOURCE,
        subject=decided.deployment_id,
        time=format_time(decided.at_ms),
        datacontenttype="application/json",
        organisation=decided.org_id,
        data=msgspec.to_builtins(_data(decided)),
    )


def _data(decided: DeploymentDecided) -> RolloutDecision:
    return RolloutDecision(
        deployment_id=decided.deployment_id,
        prompt=decided.prompt,
        environment=decided.environment,
        mode=decided.plan.mode,
        number=decided.number,
        status=decided.status,
        reason=decided.reason,
        stable_version=decided.stable_version,
        canary_version=decided.canary_version,
        step=decided.step + 1,
        share=decided.ratio,
        by=decided.by,
        runs=decided.runs,
        metrics=list(decided.metrics),
    )
