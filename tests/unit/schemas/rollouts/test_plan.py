"""Plans: what is out of bounds is not decoded, and a decision's numbers are finite at the bounds."""

from math import inf, isfinite

import msgspec
import pytest

from schemas.rollouts.comparison import added, compared
from schemas.rollouts.looks import numbers_of
from schemas.rollouts.plan import MetricRule, Plan
from schemas.rollouts.sequential import brake_factor, split_factor
from schemas.tables.deployments import Pair, Sums

LEAST = {"alpha": 1e-9, "margin": 0.0, "scale": 1e-6}


@pytest.mark.parametrize("change", [{"alpha": 1e-320}, {"scale": 1e-320}, {"margin": 1e300}])
def test_rule_out_of_bounds_is_refused(change: dict[str, float]) -> None:
    plan = Plan(rules={"cost": MetricRule(**LEAST | change)})
    problem = plan.problem()
    assert problem is not None
    assert problem[0] == "rules"


def test_other_numbers_out_of_bounds_are_refused() -> None:
    plans = (Plan(steps=(1e-320, 0.5)), Plan(brake_alpha=1e-320), Plan(promotion_alpha=1e-320))
    problems = [plan.problem() for plan in plans]
    assert [problem and problem[0] for problem in problems] == ["steps", "brake_alpha", "brake_alpha"]


@pytest.mark.parametrize("ratio", [0, 1.5])
def test_ratio_that_is_none_is_not_decoded(ratio: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"steps": [ratio]}, Plan)


@pytest.mark.parametrize("far", [0.0, 1.0, 700.0])
def test_numbers_of_a_decision_are_finite_at_the_bounds(far: float) -> None:
    rule = msgspec.convert(LEAST, MetricRule)
    plan = Plan(rules={"cost": rule, "latency": MetricRule(alpha=0.49, margin=100, scale=100)})
    pair = Pair(added(added(Sums(), 0.0), 0.0), added(added(Sums(), far), far))
    found = {metric: compared(metric, [pair], clustered=False) for metric in plan.rules}
    for numbers in numbers_of(plan, found):
        assert all(isfinite(value) for value in msgspec.to_builtins(numbers).values() if isinstance(value, float))


def test_factors_are_finite_at_the_smallest_ratio() -> None:
    factors = [brake_factor(1e-4, True), brake_factor(1e-4, False), split_factor(1e-4, 0, 10**9, True)]
    assert all(-inf < factor < inf for factor in factors)
