"""Answers and scores of one version, put in order: one answer per case and repeat, one score of it.

Deliveries may repeat and come in any order. Of several of one name the one counts that is least as JSON, so that the
result depends on the data alone.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from schemas.errors import InvalidInput, Problem
from schemas.prompts.evaluations import Answered, Answers, Case, Scored, ScorerSpec

Key = tuple[str, int]
"""A case and a repeat."""
_T = TypeVar("_T", Answered, Scored)
_K = TypeVar("_K", bound=tuple[str | int, ...])


@dataclass(frozen=True)
class Gathered:
    """One version. ``totals`` are the weighted scores of answers, ``by_scorer`` those of each scorer, both by key."""

    version: str
    answers: Mapping[Key, Answered]
    by_scorer: Mapping[str, Mapping[Key, float]]
    totals: Mapping[Key, float]
    notes: Sequence[str]

    def by_case(self, scores: Mapping[Key, float]) -> dict[str, list[float]]:
        """Return the scores of each case's repeats."""
        found: dict[str, list[float]] = {}
        for (case, _), score in scores.items():
            found.setdefault(case, []).append(score)
        return found

    def means(self) -> dict[str, float]:
        """Return the mean score of each case that has one."""
        return {case: mean(scores) for case, scores in self.by_case(self.totals).items()}

    @property
    def passes_only(self) -> bool:
        """Whether every answer is scored 0 or 1."""
        return all(score in (0, 1) for score in self.totals.values())


def gathered(cases: Mapping[str, Case], found: Answers, specs: Sequence[ScorerSpec]) -> Gathered:
    """Return a version's answers and scores in order. Raises ``InvalidInput`` for a case that the dataset lacks.

    An answer has a score when every scorer with a weight gave it one: otherwise answers would be weighed differently.
    """
    strange = {one.case_id for one in found.answers} | {one.case_id for one in found.scores}
    strange -= cases.keys()
    if strange:
        problem = Problem(
            "answers", f"the dataset has no case {min(strange)!r}", "use the dataset's version of the run"
        )
        raise InvalidInput.of(problem)
    answers = _least(found.answers, lambda one: (one.case_id, one.repeat))
    marks = _least(found.scores, lambda one: (one.scorer, one.case_id, one.repeat))
    by_scorer: dict[str, dict[Key, float]] = {spec.called: {} for spec in specs}
    for (scorer, case, repeat), one in marks.items():
        if scorer in by_scorer and one.score is not None and _has_output(answers, (case, repeat)):
            by_scorer[scorer][case, repeat] = one.score
    notes = {f"{one.case_id}: {one.scorer}: {one.note}" for one in marks.values() if one.score is None and one.note}
    notes |= {f"{one.case_id}: {one.error}" for one in answers.values() if one.error}
    return Gathered(found.version, answers, by_scorer, _totals(answers, by_scorer, specs), sorted(notes))


def mean(values: Sequence[float]) -> float:
    """Return the exactly rounded mean: it does not depend on the order of the values."""
    return math.fsum(values) / len(values)


def percentile(values: Sequence[int], share: float) -> int:
    """Return the smallest value that at least this share of all do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def _has_output(answers: Mapping[Key, Answered], key: Key) -> bool:
    return key in answers and not answers[key].error


def _totals(
    answers: Mapping[Key, Answered], by_scorer: Mapping[str, Mapping[Key, float]], specs: Sequence[ScorerSpec]
) -> dict[Key, float]:
    weights = {spec.called: spec.weight for spec in specs if spec.weight > 0}
    whole = math.fsum(weights.values())
    return {
        key: math.fsum(weight * by_scorer[name][key] for name, weight in weights.items()) / whole
        for key in answers
        if all(key in by_scorer[name] for name in weights)
    }


def _least(found: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, _T]:
    """Return one of each key, in the order of keys: of several the one that is least as JSON."""
    first: dict[_K, _T] = {}
    for one in found:
        other = first.setdefault(key(one), one)
        if other is not one and msgspec.json.encode(one) < msgspec.json.encode(other):
            first[key(one)] = one
    return dict(sorted(first.items(), key=lambda item: item[0]))
