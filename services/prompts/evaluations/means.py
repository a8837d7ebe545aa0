"""The score of an answer that is what is expected, and the mean of a version's scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.evaluations import Answered, Case, Scored, ScorerSpec

#: The scorers that there are.
KINDS = frozenset({"exact"})


def score(spec: ScorerSpec, case: Case, answered: Answered) -> Scored:
    """Return the score of an answer: 1 where it is what is expected."""
    right = answered.output == case.expected and not answered.error
    return Scored(case_id=case.id, repeat=answered.repeat, scorer=spec.called, score=float(right))


def report_of(scored: Mapping[str, Sequence[Scored]]) -> dict[str, Any]:
    """Return the mean score of each version."""
    return {"versions": {side: _mean(found) for side, found in scored.items()}}


def _mean(scored: Sequence[Scored]) -> dict[str, Any]:
    values = [one.score for one in scored if one.score is not None]
    return {"mean": sum(values) / max(1, len(values)), "n": len(values)}
