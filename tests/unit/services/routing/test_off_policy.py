import random
from collections.abc import Mapping

import pytest

from bench.routing.logs import covered
from schemas.errors import Rejected
from services.routing.off_policy import Logged, effective_sample, judged

WORTH = {"a": 0.8, "b": 0.5, "c": 0.2}
LOGGING = {"a": 0.6, "b": 0.3, "c": 0.1}


def log(other: Mapping[str, float], seed: int = 1, choices: int = 2000) -> list[Logged]:
    rng = random.Random(seed)
    routes = rng.choices(list(LOGGING), list(LOGGING.values()), k=choices)
    return [
        Logged(route=route, propensity=LOGGING[route], reward=rng.gauss(WORTH[route], 0.1), other=other)
        for route in routes
    ]


def true_value(other: Mapping[str, float]) -> float:
    return sum(share * WORTH[route] for route, share in other.items())


@pytest.mark.parametrize("other", [{"a": 0.2, "b": 0.3, "c": 0.5}, {"a": 1.0}, LOGGING])
def test_every_method_estimates_the_true_value(other: Mapping[str, float]) -> None:
    found = judged(log(other))
    for estimate in (found.ips, found.snips, found.doubly_robust):
        assert estimate.value == pytest.approx(true_value(other), abs=0.08)
    widths = [one.high - one.low for one in (found.ips, found.snips, found.doubly_robust)]
    assert widths[2] <= 1.05 * min(widths[:2])


def test_doubly_robust_covers_the_true_value_of_stationary_logs() -> None:
    other = {"a": 0.1, "b": 0.3, "c": 0.6}
    found = [judged(log(other, seed, 600)).doubly_robust for seed in range(100)]
    assert sum(one.low <= true_value(other) <= one.high for one in found) >= 90


def test_doubly_robust_covers_the_true_value_of_logs_of_the_bandit() -> None:
    hits, able = covered(logs=8, choices=2_000)
    assert (able >= 6, hits >= able - 1) == (True, True)


def test_small_effective_sample_is_refused() -> None:
    with pytest.raises(Rejected, match=r"effective sample is .* at least 100"):
        judged(log({"c": 1.0}, choices=300))


def test_effective_sample_of_equal_weights_is_their_number() -> None:
    assert effective_sample([2.0] * 150) == pytest.approx(150)
    assert effective_sample([0.0]) == 0


def test_bad_logs_are_refused_with_the_place() -> None:
    good = log({"a": 1.0})
    with pytest.raises(Rejected, match="no choice"):
        judged([])
    with pytest.raises(Rejected, match="choice 0 has propensity 0"):
        judged([Logged(route="a", propensity=0, reward=1, other={"a": 1.0}), *good])
    with pytest.raises(Rejected, match=r"sum to 0\.5"):
        judged([Logged(route="a", propensity=1, reward=1, other={"a": 0.5}), *good])
