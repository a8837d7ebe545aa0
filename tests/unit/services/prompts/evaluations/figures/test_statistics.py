"""Intervals, rates, differences and verdicts, in cases whose answer is known."""

import math
from functools import partial
from statistics import NormalDist, fmean, stdev

import pytest

from bench.prompts.simulated_suites import called_better, covered, graded, passed, passed_by_both, repeated
from services.prompts.evaluations.figures.statistics import (
    Estimate,
    difference_of,
    mean_of,
    minimum_effect,
    rate_of,
    verdict_of,
    wilson,
)
from services.prompts.evaluations.figures.student import quantile

SUITES = 2_000
passes = partial(difference_of, passes_only=True)


def alone(values: list[float]) -> list[str]:
    return [str(place) for place in range(len(values))]


@pytest.mark.parametrize("cases", [50, 200])
@pytest.mark.parametrize(
    ("suite", "truth", "estimate"),
    [
        pytest.param(partial(graded, 0.1), 0.1, difference_of, id="graded"),
        pytest.param(partial(repeated, 0.1, 4), 0.1, difference_of, id="repeats"),
        pytest.param(partial(passed, 0.5), 0.5, rate_of, id="rate"),
        pytest.param(partial(passed_by_both, 0.8, 0.9), 0.1, passes, id="pass-rates"),
    ],
)
def test_intervals_hold_the_truth_in_95_percent_of_suites(suite, truth, estimate, cases) -> None:
    assert 0.93 <= covered(suite, truth, cases, SUITES, estimate) <= 0.97


@pytest.mark.parametrize(("before", "after"), [(0.95, 0.98), (0.9, 0.95), (0.95, 0.95)])
def test_intervals_of_few_discordant_cases_are_wide_rather_than_narrow(before, after) -> None:
    assert covered(partial(passed_by_both, before, after), after - before, 50, 400, passes) >= 0.95


@pytest.mark.parametrize("rate", [0.9, 0.95, 0.98])
def test_intervals_of_rates_near_1_hold_the_truth(rate: float) -> None:
    assert covered(partial(passed, rate), rate, 50, 400, rate_of) >= 0.93


@pytest.mark.parametrize("cases", [50, 200])
@pytest.mark.parametrize(
    ("suite", "estimate"),
    [(partial(graded, 0.0), difference_of), (partial(passed_by_both, 0.95, 0.95), passes)],
)
def test_equal_versions_are_seldom_called_better(suite, estimate, cases) -> None:
    assert called_better(suite, cases, SUITES, estimate) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SUITES)


def test_a_large_difference_is_called_better() -> None:
    assert called_better(partial(graded, 0.3), 50, 200) > 0.95
    assert called_better(partial(graded, 0.15), 200, 200) > 0.95


def test_mean_of_single_cases_is_the_t_interval() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.65, 0.2]
    found = mean_of(values, alone(values))
    half = quantile(0.975, 5) * stdev(values) / math.sqrt(6)
    assert (found.mean, found.low, found.high, found.df) == (
        pytest.approx(fmean(values)),
        pytest.approx(fmean(values) - half),
        pytest.approx(fmean(values) + half),
        pytest.approx(5),
    )


def test_mean_of_equal_clusters_is_the_t_interval_of_their_means() -> None:
    means = [0.1, 0.4, 0.35, 0.8]
    values = [mean + offset for mean in means for offset in (-0.05, 0.05)]
    clusters = [name for name in "abcd" for _ in range(2)]
    found, of_means = mean_of(values, clusters), mean_of(means, alone(means))
    assert (found.low, found.df, found.n, found.clusters) == (
        pytest.approx(of_means.low),
        pytest.approx(of_means.df),
        8,
        4,
    )


def test_mean_of_copied_cases_in_clusters_is_as_sure_as_without_the_copies() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.6]
    copied = mean_of(values * 10, alone(values) * 10)
    assert copied.high == pytest.approx(mean_of(values, alone(values)).high)
    assert mean_of(values * 10, alone(values * 10)).high < copied.high


def test_mean_has_fewer_degrees_of_freedom_where_one_cluster_is_large() -> None:
    values = [0.1, 0.9] * 20
    even = mean_of(values, [str(place // 4) for place in range(40)])
    one_large = mean_of(values, ["large"] * 31 + [str(place) for place in range(9)])
    assert even.df == pytest.approx(9)
    assert one_large.df < 3


def test_mean_of_one_cluster_has_no_interval() -> None:
    found = mean_of([0.2, 0.4], ["a", "a"])
    assert (found.mean, found.low, found.high) == (pytest.approx(0.3), None, None)
    assert minimum_effect(found) is None
    assert verdict_of(found) == ("undecided", "there is one cluster only; add cases of others")


def test_wilson_is_that_of_the_literature() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    z = NormalDist().inv_cdf(0.975)
    assert wilson(81 / 263, 263, z) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson(0, 20, z) == (0.0, pytest.approx(0.1611, abs=5e-5))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_rate_of_equal_values_still_has_a_width(value: float) -> None:
    found = rate_of([value] * 20, alone([value] * 20))
    assert found.low is not None
    assert found.high is not None
    assert 0.1 < found.high - found.low < 0.3


def test_equal_answers_are_undecided() -> None:
    found = difference_of([0.0] * 50, alone([0.0] * 50))
    assert (found.low, found.high, verdict_of(found)[0]) == (0.0, 0.0, "undecided")


@pytest.mark.parametrize(("wins", "verdict"), [(5, "undecided"), (6, "better")])
def test_a_difference_without_spread_needs_six_clusters(wins: int, verdict: str) -> None:
    assert verdict_of(difference_of([0.4] * wins, alone([0.4] * wins)))[0] == verdict


def test_a_difference_under_the_minimum_effect_is_undecided() -> None:
    values = [0.1 + 0.04 * math.sqrt(49 / 48) * (-1) ** place for place in range(49)]
    scaled = [value - 0.1 + 0.04 / 7 * 2.5 for value in values]
    found = difference_of(scaled, alone(scaled))
    least = minimum_effect(found)
    assert found.low is not None
    assert least is not None
    assert found.low > 0
    assert found.mean < least
    assert verdict_of(found) == (
        "undecided",
        f"the difference is under the minimum detectable effect {least:.3f}; add cases",
    )


def test_minimum_effect_is_found_in_80_percent() -> None:
    rough = minimum_effect(difference_of([0.2 * (-1) ** place for place in range(200)], alone([0.0] * 200)))
    assert rough == pytest.approx((1.972 + 0.8435) * 0.2 / math.sqrt(199), rel=1e-3)


def test_worse_is_the_mirror_of_better() -> None:
    values = [0.1, 0.2, 0.15, 0.3, 0.25, 0.1, 0.2, 0.15]
    assert verdict_of(difference_of(values, alone(values))) == ("better", "")
    assert verdict_of(difference_of([-value for value in values], alone(values))) == ("worse", "")


def test_bounds_stay_within_the_scale() -> None:
    found: Estimate = mean_of([1.0, 1.0, 0.2], alone([1.0] * 3)).within(0, 1)
    assert (found.low, found.high) == (0, 1)
