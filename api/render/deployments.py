"""Deployments of prompts as the API shows them."""

from dataclasses import asdict
from typing import Any

from msgspec import structs

from connectors.redis.readers.deployments import RolloutTable
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.deployments import (
    DeploymentAnswer,
    DeploymentDecision,
    DeploymentLine,
    DeploymentPlan,
    DeploymentStatistics,
    WaitingReason,
)
from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.rollouts.deployment import Deployment
from services.prompts.rollouts.statistics import Figures, differences, figures_of_decision, figures_of_table
from services.prompts.rollouts.waiting import reasons
from services.prompts.rollouts.words import decision_text


def line(one: Deployment) -> DeploymentLine:
    """Return a deployment as lists show it."""
    return DeploymentLine(**_fields(one))


def deployment(one: Deployment, table: RolloutTable | None, now_ms: int) -> DeploymentAnswer:
    """Return a deployment with its statistics. ``table`` is what the fold has of its rollout, if it could be read."""
    return DeploymentAnswer(
        **_fields(one),
        plan=_plan(one),
        statistics=_statistics(one, table),
        waiting=_waiting(one, table, now_ms),
    )


def _fields(one: Deployment) -> dict[str, Any]:
    return {
        "id": one.id,
        "prompt": one.prompt,
        "environment": one.environment,
        "mode": one.plan.mode,
        "status": one.status,
        "stable_version": one.stable_version or None,
        "canary_version": one.canary_version,
        "step": one.step + 1,
        "steps": len(one.plan.steps),
        "share": one.plan.ratio(one.step),
        "project": one.project,
        "message": one.message,
        "started_by": one.started_by,
        "started_at": timestamp(one.started_ms),
        "ended_at": timestamp(one.ended_ms),
        "decision": None if one.decision is None else _decision(one.decision),
        "problem": one.problem or None,
    }


def _decision(one: DeploymentDecided) -> DeploymentDecision:
    return DeploymentDecision(
        number=one.number,
        status=one.status,
        reason=one.reason,
        text=decision_text(one),
        by=one.by,
        at=timestamp(one.at_ms),
    )


def _plan(one: Deployment) -> DeploymentPlan:
    fields = structs.asdict(one.plan)
    rules = {metric: structs.asdict(rule) for metric, rule in one.plan.rules.items()}
    known = {name: fields[name] for name in DeploymentPlan.model_fields if name in fields}
    return DeploymentPlan(**known | {"steps": list(one.plan.steps), "rules": rules, "entity": one.entity or None})


def _is_of(one: Deployment, table: RolloutTable | None) -> bool:
    return table is not None and table.head.deployment_id == one.id


def _statistics(one: Deployment, table: RolloutTable | None) -> DeploymentStatistics | None:
    if table is not None and _is_of(one, table):
        return _figures(figures_of_table(table.head, table.sums), "now")
    if one.decision is None:
        return None
    return _figures(figures_of_decision(one.decision), "decision")


def _figures(found: Figures, as_of: str) -> DeploymentStatistics:
    fields = {name: value for name, value in asdict(found).items() if name in DeploymentStatistics.model_fields}
    return DeploymentStatistics.model_validate(fields | {"as_of": as_of})


def _waiting(one: Deployment, table: RolloutTable | None, now_ms: int) -> list[WaitingReason]:
    if one.status != "running":
        return []
    if table is None or not _is_of(one, table):
        return [WaitingReason(code="not_begun", text="the role `deployments` has not begun it yet")]
    found = reasons(table.head, differences(table.head.plan, table.sums), now_ms)
    return [WaitingReason(code=reason.code, text=reason.text) for reason in found]
