"""Decisions in words: every reason of the fold has a sentence with its numbers."""

import pytest
from msgspec import structs

from schemas.records.rollouts.deployments import DeploymentDecided, MetricNumbers
from schemas.rollouts.plan import Plan
from services.prompts.rollouts.words import decision_text, percent

NUMBERS = MetricNumbers(
    metric="score",
    stable_runs=900,
    canary_runs=100,
    stable=0.9,
    canary=0.6,
    harm=0.3,
    bound=0.1,
    against=9.0,
    not_inferior=-3.0,
    alpha=0.028,
)


def decided(reason: str, *metrics: MetricNumbers, **fields: object) -> DeploymentDecided:
    known = {
        "org_id": "acme",
        "prompt": "greeter",
        "environment": "production",
        "deployment_id": "d1",
        "number": 2,
        "status": "running",
        "step": 1,
        "ratio": 0.1,
        "stable_version": 1,
        "canary_version": 2,
        "plan": Plan(),
        "at_ms": 1,
        "runs": 1_234,
    }
    return DeploymentDecided(**known | fields, reason=reason, metrics=metrics)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("started", "the canary gets 10% of the runs"),
        ("all_at_once", "all runs get the new version at once"),
        ("step", "its step is complete, and the canary gets 10% from now on"),
        ("step_by_hand", "ann moved it to 10%"),
        ("by_hand", "ann decided so by hand"),
        ("brake", "errors of the canary are many times those of stable, after 1,234 runs"),
        ("not_worse", "no metric is worse by more than its margin, after 1,234 runs"),
        ("undecided", "nothing was certain within its longest time, after 1,234 runs"),
        ("worse:score", "score is worse: 0.6 against 0.9 of stable, by at least 0.2, after 1,234 runs"),
        ("of_a_later_version", "of_a_later_version"),
    ],
)
def test_each_reason_is_a_sentence(reason: str, text: str) -> None:
    assert decision_text(decided(reason, NUMBERS, by="ann")) == text


@pytest.mark.parametrize(
    ("metric", "mean", "text"),
    [
        ("cost", 14.0, "cost is worse: $0.001203 against $0.001203 of stable, at least 22.1% more"),
        ("latency", 6.0, "latency is worse: 403 ms against 403 ms of stable, at least 22.1% more"),
        ("errors", 0.25, "errors are worse: 25% against 25% of stable, by at least 20%"),
    ],
)
def test_each_unit_is_written_in_its_way(metric: str, mean: float, text: str) -> None:
    one = structs.replace(NUMBERS, metric=metric, stable=mean, canary=mean)
    assert decision_text(decided(f"worse:{metric}", one)).startswith(text)


def test_percents_have_three_digits() -> None:
    assert [percent(share) for share in (0.01, 0.1, 0.5, 0.123456, 1.0)] == ["1%", "10%", "50%", "12.3%", "100%"]
