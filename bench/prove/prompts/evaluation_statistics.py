"""Lines of the area ``prompts`` for evaluations: coverage of intervals, equal versions, and judges with a bias."""

import math
import random
from collections.abc import Sequence
from functools import partial

from bench.lines import Line
from bench.prompts.simulated_suites import called_better, covered, graded, passed_by_both, repeated
from bench.prove.area import Aim, Bound, at_least, at_most, between
from deploy.local.engines.progress import Progress
from schemas.prompts.evaluations import Judged, Position
from services.prompts.evaluations.figures.calibration import LEAST_LABELS, judge_result, outcome_of
from services.prompts.evaluations.figures.statistics import difference_of, verdict_of
from services.prompts.evaluations.figures.student import quantile

SUITES, QUICK_SUITES = 2_000, 500
CASES = (50, 200)
EFFECT = 0.1
JUDGES, PAIRS, FIRST = 200, 100, 0.8

_COVERED = between(93, 97)
_CHANCE = math.sqrt(0.05 * 0.95 / SUITES)
#: 5% and three standard errors of a share of so many suites; the goal is that of a two-sided interval.
_FALSE: tuple[Bound, Bound] = (at_most(100 * (0.05 + 3 * _CHANCE)), at_most(2.5))

AIMS = (
    *(Aim(f"coverage_{cases}_percent", "%", _COVERED, between(94, 96)) for cases in CASES),
    *(Aim(f"coverage_{cases}_repeats_percent", "%", _COVERED, between(94, 96)) for cases in CASES),
    *(Aim(f"coverage_{cases}_passes_percent", "%", _COVERED, between(94, 96)) for cases in CASES),
    Aim("false_better_percent", "%", *_FALSE),
    Aim("under_minimum_effect_decided", "suites", at_most(0), at_most(0)),
    Aim("judge_bias_reported_percent", "%", at_least(100), at_least(100)),
    Aim("judge_bias_ties_percent", "%", at_least(50), at_least(60)),
    Aim("judge_uncalibrated_reported_percent", "%", at_least(100), at_least(100)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Simulate suites and judges, the same ones each time."""
    suites = QUICK_SUITES if quick else SUITES
    progress(f"evaluations: {suites} simulated suites of {' and '.join(map(str, CASES))} cases")
    return [*_coverage(suites), *_verdicts(suites), *_judges()]


def _coverage(suites: int) -> list[Line]:
    note = f"{suites} suites in clusters of 5"
    graded_ones, repeats = partial(graded, EFFECT), partial(repeated, EFFECT, 4)
    passes, differences = partial(passed_by_both, 0.8, 0.9), partial(difference_of, passes_only=True)
    lines = []
    for cases in CASES:
        shares = {
            f"coverage_{cases}_percent": covered(graded_ones, EFFECT, cases, suites),
            f"coverage_{cases}_repeats_percent": covered(repeats, EFFECT, cases, suites),
            f"coverage_{cases}_passes_percent": covered(passes, 0.1, cases, suites, differences),
        }
        lines += [Line(name, "%", (100 * share,), note) for name, share in shares.items()]
    return lines


def _verdicts(suites: int) -> list[Line]:
    """The worst share of four kinds of equal versions, and suites decided under the minimum detectable effect."""
    equal = [
        called_better(suite, cases, suites, estimate)
        for cases in CASES
        for suite, estimate in (
            (partial(graded, 0.0), difference_of),
            (partial(passed_by_both, 0.95, 0.95), partial(difference_of, passes_only=True)),
        )
    ]
    return [
        Line("false_better_percent", "%", (100 * max(equal),), "the most of graded and pass or fail, 50 and 200 cases"),
        Line("under_minimum_effect_decided", "suites", (float(_decided_under(suites)),), f"of {suites}"),
    ]


def _decided_under(suites: int) -> int:
    """Return how many suites are decided whose difference is just under the minimum detectable effect."""
    rng = random.Random(suites)  # noqa: S311 - the same suites each time
    decided = 0
    clusters = [str(case) for case in range(50)]
    for _ in range(suites):
        noise = [rng.gauss(0, 1) for _ in clusters]
        middle = sum(noise) / len(noise)
        error = math.sqrt(sum((value - middle) ** 2 for value in noise) / 49 / 50)
        effect = 0.99 * (quantile(0.975, 49) + quantile(0.8, 49)) * error
        values = [0.1 * (value - middle + effect) for value in noise]
        decided += verdict_of(difference_of(values, clusters))[0] != "undecided"
    return decided


def _judges() -> list[Line]:
    rng = random.Random(JUDGES)  # noqa: S311 - the same judges each time
    judges = [_judged(rng) for _ in range(JUDGES)]
    found = [judge_result("judge", 0.2, (), pairs, {}) for pairs in judges]
    ties = sum(outcome_of(pair) == "tie" for pairs in judges for pair in pairs) / (JUDGES * PAIRS)
    note = f"{JUDGES} judges that prefer the first answer in {FIRST:.0%} of {PAIRS} pairs"
    return [
        Line("judge_bias_reported_percent", "%", (100 * sum(one.biased for one in found) / JUDGES,), note),
        Line("judge_bias_ties_percent", "%", (100 * ties,), note),
        Line(
            "judge_uncalibrated_reported_percent",
            "%",
            (100 * sum(not one.calibrated for one in found) / JUDGES,),
            f"under {LEAST_LABELS} human labels",
        ),
    ]


def _judged(rng: random.Random) -> list[Judged]:
    def preferred() -> Position:
        return "first" if rng.random() < FIRST else "second"

    return [
        Judged(case_id=str(pair), scorer="judge", forward=preferred(), swapped=preferred()) for pair in range(PAIRS)
    ]
