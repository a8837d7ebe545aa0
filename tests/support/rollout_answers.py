"""Deployments as the API answers them, for tests of programs that read them."""

from typing import Any

DEPLOYMENT_ID = "dep_" + "1" * 32
#: One that was rolled back.
ENDED_ID = "dep_" + "2" * 32
_AT = "2026-11-28T19:59:00.000Z"

LINE: dict[str, Any] = {
    "id": DEPLOYMENT_ID,
    "prompt": "greeter",
    "environment": "production",
    "mode": "canary",
    "status": "running",
    "stable_version": 3,
    "canary_version": 4,
    "step": 2,
    "steps": 3,
    "share": 0.1,
    "project": None,
    "message": "shorter",
    "started_by": "k1",
    "started_at": _AT,
    "ended_at": None,
    "decision": {
        "number": 2,
        "status": "running",
        "reason": "step",
        "text": "its step is complete, and the canary gets 10% from now on",
        "by": "",
        "at": "2026-11-28T19:59:30.000Z",
    },
    "problem": None,
}


def metric(name: str, unit: str, stable: float, canary: float, harm: float, **fields: Any) -> dict[str, Any]:
    """Return one metric of 900 and 100 runs."""
    return {
        "metric": name,
        "unit": unit,
        "stable": stable,
        "canary": canary,
        "stable_runs": 900,
        "canary_runs": 100,
        "harm": harm,
        "low": harm - 0.04,
        "high": harm + 0.04,
        "margin": 0.05,
        "alpha": 0.028,
        "worse": {"has": 0.5, "needed": 3.6},
        "not_worse": {"has": 1.5, "needed": 3.0},
        "verdict": "undecided",
        **fields,
    }


METRICS = [
    metric("score", "score", 0.9, 0.88, 0.02),
    metric("errors", "share", 0.02, 0.05, 0.03),
    metric("cost", "usd", 0.00125, 0.00131, 0.047, worse={"has": -1.0, "needed": 5.4}),
    metric("latency", "ms", 812.4, 640.0, -0.24, not_worse={"has": 9.0, "needed": 3.0}, verdict="not_worse"),
]
STATISTICS: dict[str, Any] = {
    "as_of": "now",
    "runs": 1000,
    "awaited_outcomes": 3,
    "awaited_scores": 12,
    "step_runs": [50, 50, 0],
    "metrics": METRICS,
    "split": {"stable": 903, "canary": 100, "wrong": {"has": 0.1, "needed": 6.9}, "alarmed": False},
    "brake": {"has": 1.1, "needed": 5.5},
}
DEPLOYMENT: dict[str, Any] = {
    **LINE,
    "plan": {
        "mode": "canary",
        "steps": [0.01, 0.1, 0.5],
        "entity": "input.user_id",
        "rules": {},
        "brake_alpha": 0.004,
        "promotion_alpha": 0.05,
        "step_runs": 50,
        "step_ms": 600_000,
        "least_runs": 200,
        "least_ms": 3_600_000,
        "most_ms": 1_209_600_000,
        "outcome_ms": 600_000,
        "score_ms": 600_000,
    },
    "statistics": STATISTICS,
    "waiting": [
        {"code": "step_runs", "text": "step 2 of 3 has 40 of 50 canary runs"},
        {"code": "step_time", "text": "step 2 of 3 takes another 7 min"},
    ],
}


def over(status: str, reason: str, text: str, by: str = "") -> dict[str, Any]:
    """Return the deployment once this was decided."""
    decision = {**LINE["decision"], "number": 3, "status": status, "reason": reason, "text": text, "by": by}
    ended = {"status": status, "decision": decision, "ended_at": "2026-11-28T20:00:00.000Z", "waiting": []}
    return {**DEPLOYMENT, **ended}


ROLLED_BACK = {
    **over("rolled_back", "worse:score", "score is worse: 0.6 against 0.9 of stable, by at least 0.1"),
    "id": ENDED_ID,
}
PROMOTED = over("promoted", "by_hand", "k1 decided so by hand", "k1")
