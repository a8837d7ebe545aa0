"""How far a judge can be believed: its agreement with people, its position bias, and rates that its errors are out of.

A pair counts for an answer only where the judge prefers it in both orders; else it is a tie. A judge whose preference
flips with the order in many pairs is ``biased``; one with fewer than ``LEAST_LABELS`` human labels is uncalibrated.

A pass rate ``p`` of a judge with sensitivity ``q1`` and specificity ``q0`` is corrected to
``(p + q0 - 1) / (q0 + q1 - 1)`` (Rogan and Gladen, 1978). Its interval has the uncertainty of all three, with the
adjusted counts of Lee et al., "How to correctly report LLM-as-a-judge evaluations".
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

from msgspec import Struct

from schemas.prompts.evaluations import Corrected, Judged, JudgeResult, Labelled, Outcome, Scored
from services.prompts.evaluations.figures.statistics import CONFIDENCE, Estimate

LEAST_LABELS = 50
#: Of people's passes and of their fails, before the errors of a judge are estimated from them.
LEAST_OF_EACH = 10
#: Cohen's kappa under which agreement is little more than chance (Landis and Koch, 1977: "fair" ends here).
LEAST_KAPPA = 0.4
PASS, FAIL = "pass", "fail"
_Z = NormalDist().inv_cdf(CONFIDENCE)
_SCORES: dict[Outcome, float] = {"candidate": 1.0, "tie": 0.5, "baseline": 0.0}


class Errors(Struct, frozen=True, kw_only=True):
    """A judge's errors by human labels: of ``passes`` it found ``found``, of ``fails`` it refused ``refused``."""

    passes: int
    found: int
    fails: int
    refused: int


def outcome_of(judged: Judged) -> Outcome | None:
    """Return the winner of a pair: the answer that both orders prefer, else a tie. ``None`` for unread replies."""
    if judged.forward is None or judged.swapped is None:
        return None
    both = (judged.forward, judged.swapped)
    return "candidate" if both == ("first", "second") else "baseline" if both == ("second", "first") else "tie"


def pair_scores(judged: Judged) -> tuple[Scored, Scored]:
    """Return the scores of a pair: the candidate's and the baseline's, which sum to 1."""
    outcome = outcome_of(judged)
    score = None if outcome is None else _SCORES[outcome]
    note = judged.note or ("the judge's reply could not be read" if outcome is None else "")
    if is_flipped(judged):
        note = "position bias: the preference flips with the order"
    scores = (score, None if score is None else 1 - score)
    mine, other = (
        Scored(case_id=judged.case_id, repeat=judged.repeat, scorer=judged.scorer, score=one, note=note)
        for one in scores
    )
    return mine, other


def is_flipped(judged: Judged) -> bool:
    """Return whether a judge prefers the same place in both orders."""
    return judged.forward == judged.swapped and judged.forward in ("first", "second")


def position_bias(judged: Iterable[Judged]) -> tuple[float, int] | None:
    """Return the share of decided pairs that flip with the order, and their number. Ties in an order decide nothing."""
    decided = [one for one in judged if {one.forward, one.swapped} <= {"first", "second"}]
    return (sum(map(is_flipped, decided)) / len(decided), len(decided)) if decided else None


def agreement(labels: Sequence[Labelled]) -> float | None:
    """Return the share of labels in which judge and person agree."""
    return sum(one.judge == one.human for one in labels) / len(labels) if labels else None


def kappa(labels: Sequence[Labelled]) -> float | None:
    """Return the agreement beyond chance (Cohen, 1960). ``None`` where chance alone agrees always."""
    observed = agreement(labels)
    if observed is None:
        return None
    judge, human = Counter(one.judge for one in labels), Counter(one.human for one in labels)
    by_chance = sum(count * human[word] for word, count in judge.items()) / len(labels) ** 2
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else None


def errors_of(labels: Iterable[Labelled]) -> Errors:
    """Return the errors of a judge that says ``pass`` or ``fail``."""
    pairs = Counter((one.human, one.judge) for one in labels)
    return Errors(
        passes=pairs[PASS, PASS] + pairs[PASS, FAIL],
        found=pairs[PASS, PASS],
        fails=pairs[FAIL, PASS] + pairs[FAIL, FAIL],
        refused=pairs[FAIL, FAIL],
    )


def corrected(version: str, found: Estimate, errors: Errors) -> Corrected | None:
    """Return a judge's pass rate without its errors. ``None`` for too few labels, or a judge no better than chance."""
    if found.error is None or min(errors.passes, errors.fails) < LEAST_OF_EACH:
        return None
    p, of_p = _adjusted(found.mean, found.size, _Z**2 / 2)
    q1, of_q1 = _adjusted(errors.found / errors.passes, errors.passes, 1)
    q0, of_q0 = _adjusted(errors.refused / errors.fails, errors.fails, 1)
    better = q0 + q1 - 1
    if better <= 0:
        return None
    rate = min(1.0, max(0.0, (p + q0 - 1) / better))
    half = _Z * math.sqrt(of_p + (1 - rate) ** 2 * of_q0 + rate**2 * of_q1) / better
    middle = rate + 2 * _Z**2 * (rate * of_q1 - (1 - rate) * of_q0)
    return Corrected(version=version, rate=rate, low=max(0.0, middle - half), high=min(1.0, middle + half))


def judge_result(
    scorer: str,
    most_bias: float,
    labels: Sequence[Labelled],
    judged: Sequence[Judged],
    pass_rates: Mapping[str, Estimate],
) -> JudgeResult:
    """Return how far a judge can be believed. ``pass_rates`` are those that it found, by version."""
    errors, bias, beyond_chance = errors_of(labels), position_bias(judged), kappa(labels)
    biased = bias is not None and bias[0] > most_bias
    warnings = []
    if len(labels) < LEAST_LABELS:
        warnings.append(
            f"uncalibrated: it has {len(labels)} human labels and needs {LEAST_LABELS}; label more of what it judged"
        )
    if bias is not None and biased:
        warnings.append(
            f"biased: {bias[0]:.0%} of {bias[1]} decided pairs flip with the order of the answers, and count as ties; "
            "use another model as the judge, or mode: single"
        )
    if beyond_chance is not None and beyond_chance < LEAST_KAPPA:
        warnings.append(f"it agrees with people little beyond chance, kappa {beyond_chance:.2f}; rewrite its rubric")
    rates = [corrected(version, found, errors) for version, found in pass_rates.items()]
    return JudgeResult(
        scorer=scorer,
        labels=len(labels),
        agreement=agreement(labels),
        kappa=beyond_chance,
        sensitivity=errors.found / errors.passes if errors.passes else None,
        specificity=errors.refused / errors.fails if errors.fails else None,
        position_bias=None if bias is None else bias[0],
        calibrated=len(labels) >= LEAST_LABELS,
        biased=biased,
        corrected=[one for one in rates if one is not None],
        warnings=warnings,
    )


def _adjusted(rate: float, n: float, added: float) -> tuple[float, float]:
    """Return a rate with ``added`` trials of each outcome, and its variance."""
    total = n + 2 * added
    shrunk = (rate * n + added) / total
    return shrunk, shrunk * (1 - shrunk) / total
