"""A judge against people, and against itself with the answers in the other order."""

import random

import pytest

from schemas.prompts.evaluations import Judged, Labelled
from services.prompts.evaluations.figures.calibration import (
    Errors,
    agreement,
    corrected,
    errors_of,
    judge_result,
    kappa,
    outcome_of,
    pair_scores,
    position_bias,
)
from services.prompts.evaluations.figures.statistics import rate_of


def label(judge, human) -> Labelled:
    return Labelled(scorer="judge", judge=judge, human=human)


def labels(both_pass, judge_only, human_only, both_fail) -> list[Labelled]:
    return (
        [label("pass", "pass")] * both_pass
        + [label("pass", "fail")] * judge_only
        + [label("fail", "pass")] * human_only
        + [label("fail", "fail")] * both_fail
    )


def judged(forward, swapped) -> Judged:
    return Judged(case_id="a", scorer="judge", forward=forward, swapped=swapped)


def of_a_judge(first: float, pairs: int, sure: float = 0.0) -> list[Judged]:
    """Judge pairs: the candidate wins for sure in a share of them, else the first place wins with a probability."""
    rng = random.Random(14)
    found = []
    for _ in range(pairs):
        if rng.random() < sure:
            found.append(judged("first", "second"))
        else:
            found.append(judged(*("first" if rng.random() < first else "second" for _ in range(2))))
    return found


@pytest.mark.parametrize(
    ("forward", "swapped", "outcome"),
    [
        ("first", "second", "candidate"),
        ("second", "first", "baseline"),
        ("first", "first", "tie"),
        ("second", "second", "tie"),
        ("first", "tie", "tie"),
        ("tie", "tie", "tie"),
        ("first", None, None),
        (None, None, None),
    ],
)
def test_an_answer_wins_only_in_both_orders(forward, swapped, outcome) -> None:
    assert outcome_of(judged(forward, swapped)) == outcome


@pytest.mark.parametrize(
    ("pair", "scores"),
    [
        (("first", "second"), (1, 0)),
        (("second", "first"), (0, 1)),
        (("first", "first"), (0.5, 0.5)),
        (("first", None), (None, None)),
    ],
)
def test_pair_scores_sum_to_1(pair, scores) -> None:
    assert tuple(one.score for one in pair_scores(judged(*pair))) == scores


def test_a_judge_that_prefers_the_first_answer_ends_in_ties_and_is_biased() -> None:
    pairs = of_a_judge(0.8, 2_000)
    outcomes = [outcome_of(one) for one in pairs]
    assert outcomes.count("tie") > 0.6 * len(pairs)
    assert abs(outcomes.count("candidate") - outcomes.count("baseline")) < 0.06 * len(pairs)
    found = judge_result("judge", 0.2, labels(30, 0, 0, 30), pairs, {})
    assert found.biased
    assert found.position_bias == pytest.approx(0.68, abs=0.04)
    assert "biased: 6" in found.warnings[0]


def test_a_judge_that_knows_is_not_biased() -> None:
    found = judge_result("judge", 0.2, labels(30, 0, 0, 30), of_a_judge(0.5, 500, sure=0.9), {})
    assert (found.biased, found.warnings) == (False, [])


def test_position_bias_counts_decided_pairs_only() -> None:
    pairs = [judged("first", "first"), judged("first", "second"), judged("tie", "tie"), judged("first", "tie")]
    assert position_bias(pairs) == (0.5, 2)
    assert position_bias([judged("tie", "tie"), judged(None, "first")]) is None


@pytest.mark.parametrize(("count", "calibrated"), [(0, False), (49, False), (50, True)])
def test_under_50_labels_a_judge_is_uncalibrated(count, calibrated) -> None:
    found = judge_result("judge", 0.2, labels(count // 2, 0, 0, count - count // 2), [], {})
    assert found.calibrated is calibrated
    assert any(text.startswith("uncalibrated") for text in found.warnings) is not calibrated


def test_agreement_and_kappa_are_those_of_the_literature() -> None:
    # Cohen (1960), as in most textbooks: 20 + 15 of 50 agree.
    found = labels(20, 5, 10, 15)
    assert agreement(found) == pytest.approx(0.7)
    assert kappa(found) == pytest.approx(0.4)
    assert errors_of(found) == Errors(passes=30, found=20, fails=20, refused=15)


def test_kappa_takes_outcomes_of_pairs() -> None:
    assert kappa([label("candidate", "candidate"), label("tie", "tie"), label("baseline", "baseline")]) == 1


def test_kappa_without_variety_is_unknown() -> None:
    assert (kappa([]), kappa(labels(10, 0, 0, 0))) == (None, None)


def test_a_judge_that_agrees_by_chance_is_named() -> None:
    found = judge_result("judge", 0.2, labels(15, 15, 15, 15), [], {})
    assert found.kappa == 0
    assert "beyond chance" in found.warnings[0]


def alone(values):
    return rate_of(values, [str(place) for place in range(len(values))])


@pytest.mark.parametrize(("truth", "sensitivity", "specificity"), [(0.7, 0.9, 0.8), (0.9, 0.9, 0.8), (0.3, 0.9, 0.9)])
def test_corrected_rates_hold_the_truth_where_the_judges_own_do_not(truth, sensitivity, specificity) -> None:
    rng = random.Random(5)

    def says(good):
        return rng.random() < (sensitivity if good else 1 - specificity)

    held = raw = 0
    for _ in range(300):
        rate = alone([float(says(rng.random() < truth)) for _ in range(200)])
        people = [rng.random() < 0.5 for _ in range(100)]
        errors = errors_of(label("pass" if says(good) else "fail", "pass" if good else "fail") for good in people)
        found = corrected("1", rate, errors)
        assert found is not None
        held += found.low <= truth <= found.high
        raw += rate.low <= truth <= rate.high
    assert held >= 0.92 * 300
    assert raw < held


@pytest.mark.parametrize(
    "errors",
    [
        Errors(passes=9, found=9, fails=50, refused=50),
        Errors(passes=50, found=50, fails=9, refused=9),
        Errors(passes=50, found=20, fails=50, refused=20),
    ],
)
def test_few_labels_or_a_judge_below_chance_correct_nothing(errors) -> None:
    assert corrected("1", alone([1.0, 0.0, 1.0, 1.0]), errors) is None
