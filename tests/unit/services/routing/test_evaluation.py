import random
from collections.abc import Sequence

import pytest
from msgspec import structs

from connectors.clickhouse.route_log import Decision, Selection
from schemas.errors import InvalidInput
from services.routing.bandit import Weights
from services.routing.evaluation import Policy, RouteEvaluations, evaluated, shares_of

SHARES = {"a/dear": 0.6, "a/cheap": 0.4}
#: cost, latency, quality, reliability
TERMS = {"a/dear": [0.1, 0.5, 0.9, 1.0], "a/cheap": [1.0, 0.5, 0.5, 1.0]}
QUALITY = {"a/dear": 0.8, "a/cheap": 0.6}
ONLY_SCORE = Weights(cost_per_usd=0, lateness=0)


def decision(route: str, score: float) -> Decision:
    facts = {"cost_nano": 1_000_000, "latency_ms": 1500.0, "sla_ms": 1000, "scored": True}
    return Decision(route=route, propensity=SHARES[route], shares=SHARES, terms=TERMS, score=score, **facts)


def log(number: int = 2000, seed: int = 1) -> list[Decision]:
    rng = random.Random(seed)
    routes = rng.choices(list(SHARES), list(SHARES.values()), k=number)
    return [decision(route, float(rng.random() < QUALITY[route])) for route in routes]


@pytest.mark.parametrize(
    ("policy", "true"),
    [
        (Policy(by="best"), 0.8),
        (Policy(by="cheapest"), 0.6),
        (Policy(weights={"cost": 0, "latency": 0, "quality": 1, "reliability": 0}), 0.8),
        (Policy(shares={"a/cheap": 1.0}), 0.6),
        (Policy(shares={"a/cheap": 0.5, "a/dear": 0.5}), 0.7),
    ],
)
def test_the_interval_contains_what_the_other_policy_is_worth(policy: Policy, true: float) -> None:
    found = evaluated(log(), policy, ONLY_SCORE)
    for estimate in (found.judged.ips, found.judged.snips, found.judged.doubly_robust):
        assert estimate.low < true < estimate.high
    assert found.logged.low < 0.72 < found.logged.high
    assert (found.judged.choices, found.skipped, found.scored) == (2000, 0, 2000)


def test_cost_and_lateness_are_paid_by_the_weights() -> None:
    one = evaluated(log(), Policy(shares=SHARES), Weights(cost_per_usd=100, lateness=0.2)).logged.value
    other = evaluated(log(), Policy(shares=SHARES), ONLY_SCORE).logged.value
    assert other - one == pytest.approx(100 * 0.001 + 0.2 * 0.5)


def test_small_effective_sample_is_refused_with_a_fix() -> None:
    few = [*[decision("a/dear", 1.0)] * 500, *[decision("a/cheap", 1.0)] * 99]
    with pytest.raises(InvalidInput, match="effective sample is 99") as raised:
        evaluated(few, Policy(shares={"a/cheap": 1.0}), ONLY_SCORE)
    (problem,) = raised.value.problems
    assert problem.path == "policy"
    assert problem.fix


def test_policy_of_routes_that_were_no_candidates_is_refused() -> None:
    with pytest.raises(InvalidInput, match="none of 50 logged decisions"):
        evaluated(log(50), Policy(shares={"b/other": 1.0}), ONLY_SCORE)


def test_decisions_without_the_routes_of_the_policy_are_skipped() -> None:
    without = structs.replace(decision("a/dear", 1.0), shares={"a/dear": 1.0}, propensity=1.0)
    found = evaluated([*log(), *[without] * 7], Policy(shares={"a/cheap": 1.0}), ONLY_SCORE)
    assert (found.judged.choices, found.skipped) == (2000, 7)


def test_shares_are_of_the_candidates_that_were_there() -> None:
    shares = {"a/dear": 0.2, "a/cheap": 0.2, "b/gone": 0.6}
    assert shares_of(Policy(shares=shares), decision("a/dear", 1.0)) == {"a/dear": 0.5, "a/cheap": 0.5}


async def test_the_newest_days_of_the_arm_group_are_asked_for() -> None:
    asked: list[Selection] = []

    class Log:
        async def decisions(self, wanted: Selection) -> Sequence[Decision]:
            asked.append(wanted)
            return log()

    await RouteEvaluations(Log(), now=lambda: 10 * 86_400_000).evaluate(  # type: ignore[arg-type]
        "acme", "sum", "gold", 3, Policy(by="best"), ONLY_SCORE
    )
    assert asked == [Selection(org_id="acme", prompt="sum", tier="gold", since_ms=7 * 86_400_000)]
