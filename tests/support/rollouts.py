"""Records of a rollout for tests."""

from typing import Any

import msgspec

from schemas.records.rollouts.deployments import (
    DeploymentEvent,
    DeploymentOverridden,
    DeploymentStarted,
    DeploymentStepped,
    RunAssigned,
    RunOutcome,
    RunScored,
)
from schemas.rollouts.plan import MetricRule, Plan

OF = {"org_id": "acme", "prompt": "summary", "environment": "production", "deployment_id": "d1"}
SCORE_RULES = {"score": MetricRule(alpha=0.025, margin=0.05, scale=0.1)}
#: A plan whose times and numbers are small enough for a test.
QUICK = Plan(steps=(0.5,), step_runs=1, step_ms=0, least_runs=40, least_ms=0, outcome_ms=1_000, score_ms=2_000)


def started(plan: Plan = QUICK, **fields: Any) -> DeploymentStarted:
    """Return the start of a deployment of version 2 over version 1."""
    return DeploymentStarted(**OF | {"stable_version": 1, "canary_version": 2, "plan": plan} | fields)


def assigned(run: int | str, *, canary: bool = False, **fields: Any) -> RunAssigned:
    """Return the exposure of a run."""
    return _of_run(RunAssigned, run, canary, fields)


def outcome(run: int | str, *, canary: bool = False, ok: bool = True, **fields: Any) -> RunOutcome:
    """Return what became of it."""
    return _of_run(RunOutcome, run, canary, {"ok": ok, "cost_nano": 2_000_000, "latency_ms": 800.0} | fields)


def scored(run: int | str, score: float, *, canary: bool = False, **fields: Any) -> RunScored:
    """Return a late score."""
    return _of_run(RunScored, run, canary, {"score": score} | fields)


def stepped(step: int, **fields: Any) -> DeploymentStepped:
    """Return a step by hand."""
    return DeploymentStepped(**OF | {"step": step, "by": "ann"} | fields)


def overridden(action: str, **fields: Any) -> DeploymentOverridden:
    """Return a decision by hand."""
    return msgspec.convert(OF | {"action": action, "by": "ann"} | fields, DeploymentOverridden)


def _of_run(kind: Any, run: int | str, canary: bool, fields: dict[str, Any]) -> Any:
    return msgspec.convert(OF | {"run_id": f"run-{run}", "arm": "canary" if canary else "stable"} | fields, kind)


def both(
    run: int, *, canary: bool, score: float | None = None, ok: bool = True, **fields: Any
) -> list[DeploymentEvent]:
    """Return a run's exposure and its outcome with its score."""
    return [
        assigned(run, canary=canary, **{name: value for name, value in fields.items() if name in ("step", "entity")}),
        outcome(run, canary=canary, ok=ok, score=score, **fields),
    ]
