"""The report of an evaluation, from cases, answers and scores. The same data give the same bytes in any order.

An answer with an error, or one that a weighted scorer gave no score, is no 0: it is left out of every mean, counted and
named. A comparison uses the cases that both versions have a score for; if more than ``MOST_MISSING`` of them lack one,
it is undecided, since what is missing may be what was hard.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import (
    Answers,
    Case,
    Comparison,
    Judged,
    JudgeResult,
    Labelled,
    Regression,
    Report,
    ScorerResult,
    ScorerSpec,
    Spread,
    VersionResult,
)
from services.prompts.evaluations.figures.calibration import judge_result, pair_scores
from services.prompts.evaluations.figures.gathered import Gathered, gathered, mean, percentile
from services.prompts.evaluations.figures.passing import Passes, at_k, flips, gained_and_lost, mcnemar
from services.prompts.evaluations.figures.statistics import (
    EQUAL,
    Estimate,
    difference_of,
    mean_of,
    minimum_effect,
    rate_of,
    verdict_of,
)
from services.prompts.evaluations.scorers.llm_judge import JudgeOptions, pass_score
from services.prompts.evaluations.scorers.table import check_scorers, options_of

MOST_MISSING = 0.05
MOST_NOTES = 20
_DIGITS = 9
_T = TypeVar("_T")


def report_of(
    prompt: str,
    dataset: str,
    cases: Sequence[Case],
    versions: Sequence[Answers],
    specs: Sequence[ScorerSpec],
    *,
    candidate: str = "",
    baseline: str = "",
    judged: Sequence[Judged] = (),
    labels: Sequence[Labelled] = (),
    pass_at: float = 0.5,
) -> Report:
    """Return the report of an evaluation.

    With ``candidate`` and ``baseline`` the two versions are compared; ``judged`` are pairs of their answers, which are
    scores of both. An answer passes from the score ``pass_at`` on. Raises ``InvalidInput`` for a version without
    answers, a case that the dataset lacks, and wrong scorers.
    """
    check_scorers(specs)
    by_id = {case.id: case for case in sorted(cases, key=lambda case: case.id)}
    pairs = _once(judged)
    all_answers = [_with_pairs(one, pairs, candidate, baseline) for one in versions]
    found = {one.version: gathered(by_id, one, specs) for one in all_answers}
    compared = None
    if baseline and candidate:
        before, after = (_named(found, version) for version in (baseline, candidate))
        compared = _compared(by_id, before, after, pass_at)
    report = Report(
        prompt=prompt,
        dataset=dataset,
        versions=[_version(by_id, found[version], specs, pass_at) for version in _in_order(found, baseline, candidate)],
        comparison=compared,
        regressions=_regressions(by_id, found[baseline], found[candidate], specs) if compared else [],
        judges=[_judge(by_id, spec, found, pairs, labels) for spec in specs if spec.kind == "llm_judge"],
    )
    return _rounded(report)


def _version(cases: Mapping[str, Case], found: Gathered, specs: Sequence[ScorerSpec], pass_at: float) -> VersionResult:
    score = _estimate(cases, found.means(), passes_only=found.passes_only)
    passes = _passes(found, pass_at)
    pass_rate = _estimate(cases, {case: mean(one) for case, one in passes.items()}, passes_only=True)
    failed = [answer for answer in found.answers.values() if answer.error]
    return VersionResult(
        version=found.version,
        mean=score.mean if score else None,
        low=score.low if score else None,
        high=score.high if score else None,
        n=score.n if score else 0,
        clusters=score.clusters if score else 0,
        repeats=max(map(len, passes.values()), default=0),
        answers=len(found.answers),
        errors=len(failed),
        unscored=len(found.answers) - len(failed) - len(found.totals),
        pass_rate=pass_rate.interval if pass_rate else None,
        scorers=[_scorer(cases, found, spec) for spec in specs],
        at_k=at_k(passes),
        flips=flips(passes),
        cost=_spread([answer.cost_nano for answer in found.answers.values()]),
        latency=_spread([answer.latency_ms for answer in found.answers.values() if not answer.error]),
        notes=list(found.notes[:MOST_NOTES]),
    )


def _scorer(cases: Mapping[str, Case], found: Gathered, spec: ScorerSpec) -> ScorerResult:
    scores = found.by_scorer[spec.called]
    score = _estimate(cases, _by_case(found, spec.called), passes_only=set(scores.values()) <= {0, 1})
    with_output = sum(not answer.error for answer in found.answers.values())
    return ScorerResult(
        scorer=spec.called,
        weight=spec.weight,
        mean=score.mean if score else None,
        low=score.low if score else None,
        high=score.high if score else None,
        scored=len(scores),
        failed=with_output - len(scores),
    )


def _compared(cases: Mapping[str, Case], before: Gathered, after: Gathered, pass_at: float) -> Comparison:
    old, new = before.means(), after.means()
    both = [case for case in cases if case in old and case in new]
    if not both:
        raise _refused(f"versions {before.version} and {after.version} have no case with scores in common")
    changes = [new[case] - old[case] for case in both]
    clusters = [_cluster(cases[case]) for case in both]
    found = difference_of(changes, clusters, passes_only=before.passes_only and after.passes_only)
    missing = len(cases) - len(both)
    verdict, why = verdict_of(found)
    if missing > MOST_MISSING * len(cases):
        verdict, why = "undecided", f"{missing} of {len(cases)} cases lack a score of both versions; see the notes"
    signs = [(change > EQUAL) - (change < -EQUAL) for change in changes]
    return Comparison(
        baseline=before.version,
        candidate=after.version,
        difference=found.mean,
        low=found.low,
        high=found.high,
        minimum_effect=minimum_effect(found),
        verdict=verdict,
        why=why,
        n=found.n,
        clusters=found.clusters,
        missing=missing,
        wins=signs.count(1),
        losses=signs.count(-1),
        ties=signs.count(0),
        win_rate=rate_of([(sign + 1) / 2 for sign in signs], clusters).interval,
        mcnemar=mcnemar(*gained_and_lost(_passes(before, pass_at), _passes(after, pass_at))),
    )


def _regressions(
    cases: Mapping[str, Case], before: Gathered, after: Gathered, specs: Sequence[ScorerSpec]
) -> list[Regression]:
    """Return the cases that got worse, the largest loss first."""
    old, new = before.means(), after.means()
    scorers = [(spec.called, _by_case(before, spec.called), _by_case(after, spec.called)) for spec in specs]
    found = [
        Regression(
            case_id=case,
            tags=cases[case].tags,
            before=old[case],
            after=new[case],
            scorers={name: [earlier.get(case), later.get(case)] for name, earlier, later in scorers},
        )
        for case in cases
        if case in old and case in new and new[case] < old[case] - EQUAL
    ]
    return sorted(found, key=lambda one: (round(one.after - one.before, _DIGITS), one.case_id))


def _judge(
    cases: Mapping[str, Case],
    spec: ScorerSpec,
    found: Mapping[str, Gathered],
    judged: Sequence[Judged],
    labels: Sequence[Labelled],
) -> JudgeResult:
    options: JudgeOptions = options_of(spec)
    rates = {}
    for version in _in_order(found) if options.mode == "single" else ():
        passed = {
            key: float(score >= pass_score(options)) for key, score in found[version].by_scorer[spec.called].items()
        }
        by_case = {case: mean(one) for case, one in found[version].by_case(passed).items()}
        if rate := _estimate(cases, by_case, passes_only=True):
            rates[version] = rate
    return judge_result(
        spec.called,
        options.most_bias,
        [one for one in labels if one.scorer == spec.called],
        [one for one in judged if one.scorer == spec.called],
        rates,
    )


def _estimate(cases: Mapping[str, Case], by_case: Mapping[str, float], *, passes_only: bool) -> Estimate | None:
    if not by_case:
        return None
    clusters = [_cluster(cases[case]) for case in by_case]
    values = list(by_case.values())
    return rate_of(values, clusters) if passes_only else mean_of(values, clusters).within(0, 1)


def _passes(found: Gathered, pass_at: float) -> Passes:
    return {case: [one >= pass_at - EQUAL for one in scores] for case, scores in found.by_case(found.totals).items()}


def _by_case(found: Gathered, scorer: str) -> dict[str, float]:
    return {case: mean(one) for case, one in found.by_case(found.by_scorer[scorer]).items()}


def _cluster(case: Case) -> str:
    """Return the cluster of a case. A case without one is its own, whatever clusters are called."""
    return f"cluster {case.cluster}" if case.cluster else f"case {case.id}"


def _spread(values: Sequence[int]) -> Spread:
    return Spread(p50=percentile(values, 0.5), p95=percentile(values, 0.95), total=sum(values))


def _once(judged: Sequence[Judged]) -> list[Judged]:
    """Return one judgement of each pair, in order."""
    found: dict[tuple[str, str, int], Judged] = {}
    for one in sorted(judged, key=lambda one: (one.scorer, one.case_id, one.repeat, msgspec.json.encode(one))):
        found.setdefault((one.scorer, one.case_id, one.repeat), one)
    return list(found.values())


def _with_pairs(answers: Answers, judged: Sequence[Judged], candidate: str, baseline: str) -> Answers:
    """Return a version's answers with the scores of the pairs that it was in."""
    if answers.version not in (candidate, baseline):
        return answers
    place = 0 if answers.version == candidate else 1
    return msgspec.structs.replace(answers, scores=[*answers.scores, *(pair_scores(one)[place] for one in judged)])


def _in_order(found: Mapping[str, Gathered], *first: str) -> list[str]:
    """Return the versions: the compared ones, then the others, numbers by their value."""
    named = [version for version in first if version in found]
    return named + sorted(found.keys() - set(named), key=lambda version: (len(version), version))


def _named(found: Mapping[str, Gathered], version: str) -> Gathered:
    if version not in found:
        raise _refused(f"version {version!r} has no answers")
    return found[version]


def _refused(message: str) -> InvalidInput:
    problem = Problem("versions", message, "evaluate both versions with the same dataset")
    return InvalidInput.of(problem)


def _rounded(found: _T) -> _T:
    """Return data with every fraction at 9 digits: the last bits of sums mean nothing, and 0 has no sign."""
    return msgspec.convert(_round(msgspec.to_builtins(found)), type(found))


def _round(value: object) -> object:
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0
    if isinstance(value, dict):
        return {key: _round(one) for key, one in value.items()}
    return [_round(one) for one in value] if isinstance(value, list) else value
