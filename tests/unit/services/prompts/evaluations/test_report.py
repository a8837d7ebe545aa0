"""The report: what it counts, what it leaves out, and that it does not depend on the order of arrival."""

import random

import msgspec
import pytest
from msgspec.structs import replace

from schemas.errors import InvalidInput
from schemas.prompts.evaluations import Answered, Answers, Case, Flip, Judged, Labelled, Scored, ScorerSpec
from services.prompts.evaluations.report import report_of

EXACT = ScorerSpec(kind="exact")
JUDGE = ScorerSpec(kind="llm_judge", name="polite", options={"rubric": "polite"})
PAIRS = ScorerSpec(kind="llm_judge", name="pairs", options={"rubric": "polite", "mode": "pair"})


def cases(count: int, cluster: int = 1) -> list[Case]:
    return [Case(id=f"c{place:03}", inputs={"n": place}, cluster=f"d{place // cluster}") for place in range(count)]


def version(name: str, scores: dict[str, list[float | None]], scorer: str = "exact") -> Answers:
    """Return answers and scores: a list for each case, one of each repeat."""
    keys = [(case, repeat, score) for case, repeats in scores.items() for repeat, score in enumerate(repeats)]
    return Answers(
        version=name,
        answers=[
            Answered(case_id=case, repeat=repeat, output="x", cost_nano=1_000 * (repeat + 1), latency_ms=10 + repeat)
            for case, repeat, _ in keys
        ],
        scores=[
            Scored(case_id=case, repeat=repeat, scorer=scorer, score=score, note="" if score is not None else "down")
            for case, repeat, score in keys
        ],
    )


def each(count: int, *scores: float | None) -> dict[str, list[float | None]]:
    return {case.id: list(scores) for case in cases(count)}


def compared(before, after, specs=(EXACT,), dataset=None, **given):
    return report_of(
        "p",
        "d@1",
        dataset or cases(20),
        [version("1", before), version("2", after)],
        specs,
        candidate="2",
        baseline="1",
        **given,
    )


def test_a_better_version_is_called_better() -> None:
    found = compared(each(20, 0.2), each(20, 0.2) | {f"c{place:03}": [0.9] for place in range(15)})
    assert found.comparison is not None
    assert (found.comparison.verdict, found.comparison.wins, found.comparison.ties) == ("better", 15, 5)
    assert found.comparison.difference == pytest.approx(0.525)
    assert [one.version for one in found.versions] == ["1", "2"]


def test_equal_versions_are_undecided_with_a_reason() -> None:
    found = compared(each(20, 0.5), each(20, 0.5)).comparison
    assert found is not None
    assert (found.verdict, found.difference) == ("undecided", 0)
    assert found.why


def test_regressions_are_named_case_by_case_the_worst_first() -> None:
    found = compared(each(20, 0.8), each(20, 0.8) | {"c003": [0.5], "c007": [0.1]})
    assert [(one.case_id, one.before, one.after) for one in found.regressions] == [
        ("c007", 0.8, 0.1),
        ("c003", 0.8, 0.5),
    ]
    assert found.regressions[0].scorers == {"exact": [0.8, 0.1]}


def test_a_failed_scorer_is_no_zero() -> None:
    found = compared(each(20, 1.0), each(20, 1.0) | {"c000": [None]})
    (_, after) = found.versions
    assert (after.mean, after.n, after.unscored, after.scorers[0].failed) == (1.0, 19, 1, 1)
    assert after.notes == ["c000: exact: down"]
    assert found.comparison is not None
    assert (found.comparison.n, found.comparison.missing) == (19, 1)


def test_an_answer_with_an_error_is_counted_and_is_no_zero() -> None:
    after = version("2", each(20, 1.0))
    broken = [replace(one, error="provider_timeout") if one.case_id == "c004" else one for one in after.answers]
    found = report_of("p", "d@1", cases(20), [replace(after, answers=broken)], [EXACT])
    (only,) = found.versions
    assert (only.mean, only.n, only.errors, only.unscored) == (1.0, 19, 1, 0)
    assert "c004: provider_timeout" in only.notes


def test_many_missing_cases_decide_nothing() -> None:
    after = each(20, 0.9) | {"c000": [None], "c001": [None]}
    found = compared(each(20, 0.1), after).comparison
    assert found is not None
    assert found.verdict == "undecided"
    assert found.why.startswith("2 of 20 cases lack a score")


def test_weights_decide_the_share_of_each_scorer() -> None:
    specs = [
        ScorerSpec(kind="exact", weight=3),
        ScorerSpec(kind="latency", weight=1),
        ScorerSpec(kind="cost", weight=0),
    ]
    specs[1:] = [replace(specs[1], options={"limit_ms": 1}), replace(specs[2], options={"limit_usd": 1})]
    one = version("1", each(4, 1.0))
    others = [Scored(case_id=case.id, scorer=name, score=0.0) for case in cases(4) for name in ("latency", "cost")]
    found = report_of("p", "d@1", cases(4), [replace(one, scores=[*one.scores, *others])], specs)
    assert found.versions[0].mean == 0.75
    assert [(each.scorer, each.mean) for each in found.versions[0].scorers] == [
        ("exact", 1),
        ("latency", 0),
        ("cost", 0),
    ]


def test_a_missing_score_of_a_scorer_without_weight_changes_nothing() -> None:
    specs = [EXACT, ScorerSpec(kind="contains", weight=0)]
    found = report_of("p", "d@1", cases(4), [version("1", each(4, 1.0))], specs)
    assert (found.versions[0].mean, found.versions[0].scorers[1].failed) == (1.0, 4)


def test_repeats_are_averaged_within_a_case() -> None:
    found = compared(each(20, 1.0, 0.0, 1.0), each(20, 1.0, 1.0, 1.0) | {"c000": [1.0, 0.0, 0.0]})
    before, after = found.versions
    assert (before.n, before.repeats, before.mean) == (20, 3, pytest.approx(2 / 3))
    assert after.flips == [Flip(case_id="c000", passed=1, repeats=3)]
    assert [one.k for one in after.at_k] == [1, 2, 3]
    assert after.at_k[2].all == pytest.approx(0.95)
    assert len(before.flips) == 20
    assert found.comparison is not None
    assert found.comparison.n == 20


def test_clusters_are_those_of_cases() -> None:
    found = compared(each(20, 0.5), each(20, 0.5), dataset=cases(20, cluster=5)).comparison
    assert found is not None
    assert (found.n, found.clusters) == (20, 4)


def test_cost_and_latency_are_of_all_answers() -> None:
    (found,) = report_of("p", "d@1", cases(4), [version("1", each(4, 1.0, 1.0))], [EXACT]).versions
    assert (found.cost.p50, found.cost.p95, found.cost.total) == (1_000, 2_000, 12_000)
    assert (found.latency.p50, found.latency.p95, found.latency.total) == (10, 11, 84)


def test_mcnemar_counts_cases_that_only_one_version_passes() -> None:
    before = each(20, 1.0) | {"c000": [0.0], "c001": [0.0]}
    found = compared(before, each(20, 1.0) | {"c002": [0.0]}).comparison
    assert found is not None
    assert (found.mcnemar.gained, found.mcnemar.lost) == (2, 1)


def test_pairs_are_scores_of_both_versions() -> None:
    judged = [
        Judged(case_id=case.id, scorer="pairs", forward="first", swapped="first" if place < 5 else "second")
        for place, case in enumerate(cases(20))
    ]
    found = compared(each(20, 1.0), each(20, 1.0), specs=[PAIRS], judged=judged)
    assert found.comparison is not None
    assert (found.comparison.wins, found.comparison.ties, found.comparison.verdict) == (15, 5, "better")
    (judge,) = found.judges
    assert (judge.position_bias, judge.biased, judge.calibrated) == (0.25, True, False)


def test_a_calibrated_judge_has_corrected_rates() -> None:
    labels = [
        Labelled(scorer="polite", judge=judge, human=human)
        for judge, human, count in (
            ("pass", "pass", 28),
            ("pass", "fail", 6),
            ("fail", "pass", 2),
            ("fail", "fail", 24),
        )
        for _ in range(count)
    ]
    one = version("1", {case.id: [1.0 if place < 15 else 0.25] for place, case in enumerate(cases(20))}, "polite")
    (judge,) = report_of("p", "d@1", cases(20), [one], [JUDGE], labels=labels).judges
    assert (judge.calibrated, judge.labels, judge.sensitivity, judge.specificity) == (
        True,
        60,
        pytest.approx(28 / 30),
        0.8,
    )
    (rate,) = judge.corrected
    assert rate.low < rate.rate < 0.75 < rate.high


def random_evaluation(seed: int):
    rng = random.Random(seed)
    dataset = cases(30, cluster=3)
    scores = [{case.id: [rng.random() for _ in range(3)] for case in dataset} for _ in range(2)]
    judged = [
        Judged(case_id=case.id, scorer="pairs", forward=rng.choice(["first", "second"]), swapped="second")
        for case in dataset
    ]
    return dataset, [version("9", scores[0]), version("10", scores[1])], judged


def test_the_same_data_give_the_same_bytes_in_any_order_and_with_repeated_deliveries() -> None:
    dataset, versions, judged = random_evaluation(1)
    rng = random.Random(2)

    def bytes_of(versions, dataset, judged):
        specs = [EXACT, replace(PAIRS, weight=0.0)]
        return msgspec.json.encode(
            report_of("p", "d@1", dataset, versions, specs, candidate="10", baseline="9", judged=judged)
        )

    wanted = bytes_of(versions, dataset, judged)
    for _ in range(5):
        shuffled = [
            replace(
                one,
                answers=rng.sample(one.answers * 2, 2 * len(one.answers)),
                scores=rng.sample(one.scores * 2, 2 * len(one.scores)),
            )
            for one in versions
        ]
        assert bytes_of(shuffled[::-1], rng.sample(dataset, 30), rng.sample(judged, 30)) == wanted


def test_of_two_different_scores_of_one_answer_the_order_does_not_decide() -> None:
    one = version("1", each(4, 1.0))
    other = Scored(case_id="c000", scorer="exact", score=0.0)
    found = [
        msgspec.json.encode(report_of("p", "d@1", cases(4), [replace(one, scores=scores)], [EXACT]))
        for scores in ([*one.scores, other], [other, *one.scores])
    ]
    assert found[0] == found[1]


def test_versions_are_in_order_of_their_numbers() -> None:
    found = report_of("p", "d@1", cases(2), [version(name, each(2, 1.0)) for name in ("10", "9", "2")], [EXACT])
    assert [one.version for one in found.versions] == ["2", "9", "10"]
    assert found.comparison is None


@pytest.mark.parametrize(
    ("versions", "fix"),
    [
        ([version("1", each(2, 1.0))], "version '2' has no answers"),
        ([version("1", each(2, 1.0)), version("2", {"zzz": [1.0]})], "the dataset has no case 'zzz'"),
        ([version("1", {"c000": [1.0]}), version("2", {"c001": [1.0]})], "no case with scores in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(versions, fix) -> None:
    with pytest.raises(InvalidInput, match=fix):
        report_of("p", "d@1", cases(2), versions, [EXACT], candidate="2", baseline="1")
