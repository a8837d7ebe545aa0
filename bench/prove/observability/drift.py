"""Lines of quality over time: how soon a fall of scores is found, how often nothing is, and the reference's numbers."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from schemas.tables.quality import Window
from streams.core.quality.adwin import learned
from streams.core.quality.fold import DELTA, LEAST_SCORES

AIMS = (
    Aim("drift_found_pct", "%", at_least(95), at_least(99)),
    Aim("drift_found_binary_pct", "%", at_least(75), at_least(95)),
    Aim("drift_false_alarms", "in 10,000 scores", at_most(1), at_most(0.2)),
    Aim("adwin_off_reference", "cases", at_most(0), at_most(0)),
)
SEEDS, QUICK_SEEDS = 400, 40
#: Scores before the fall, and the most after it until it must be found.
BEFORE, AFTER = 2_000, 400
HIGH, LOW = 0.80, 0.70
#: Numbers of ``river`` 0.26, recorded once.
REFERENCE = Path(__file__).parents[3] / "tests/unit/streams/core/quality/adwin.json"
Score = Callable[[random.Random, float], float]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Let the mean of scores fall, over and over, and compare with the reference."""
    seeds = QUICK_SEEDS if quick else SEEDS
    progress(f"quality: scores fall from {HIGH} to {LOW}, {seeds} times each for grades and for yes or no")
    grades = [_fall(seed, _graded) for seed in range(seeds)]
    binary = [_fall(seed, _binary) for seed in range(seeds)]
    both = (*grades, *binary)
    false = 10_000 * sum(alarms for _, alarms in both) / (len(both) * BEFORE)
    cases = json.loads(REFERENCE.read_text())
    off = sum(not _is_equal(case) for case in cases)
    how = f"{HIGH} to {LOW} within {AFTER} scores, {seeds} seeds"
    return [
        line_of(AIMS, "drift_found_pct", 100 * sum(found for found, _ in grades) / seeds, f"grades, {how}"),
        line_of(AIMS, "drift_found_binary_pct", 100 * sum(found for found, _ in binary) / seeds, f"yes or no, {how}"),
        line_of(AIMS, "drift_false_alarms", false, f"of {len(both) * BEFORE} scores without a change"),
        line_of(AIMS, "adwin_off_reference", float(off), f"of {len(cases)} series of river 0.26"),
    ]


def _graded(rng: random.Random, mean: float) -> float:
    return min(1.0, max(0.0, rng.gauss(mean, 0.2)))


def _binary(rng: random.Random, mean: float) -> float:
    return float(rng.random() < mean)


def _fall(seed: int, score: Score) -> tuple[bool, int]:
    """Return whether the fall was found in time, and how often there was an alarm before it."""
    rng, window, false = random.Random(seed), Window(), 0  # noqa: S311 - a simulation, no secret
    for _ in range(BEFORE):
        window, changed = learned(window, score(rng, HIGH), DELTA)
        false += changed and window.seen >= LEAST_SCORES
    for _ in range(AFTER):
        window, changed = learned(window, score(rng, LOW), DELTA)
        if changed:
            return True, false
    return False, false


def _is_equal(case: dict[str, Any]) -> bool:
    """Return whether a recorded series gives the recorded changes, as the unit test says in detail."""
    rng, window, changes = random.Random(case["seed"]), Window(), []  # noqa: S311 - a simulation, no secret
    draw: Score = {"binary": _binary, "graded": _recorded_grade, "flat": lambda rng, _: rng.random()}[case["kind"]]
    for number in range(case["length"]):
        window, changed = learned(window, draw(rng, 0.8 if number < case["length"] // 2 else 0.55), case["delta"])
        if changed:
            changes.append((number, window.width, window.mean))
            window = Window()
    wanted = [(number, width, mean) for number, width, mean, _ in case["changes"]]
    return len(changes) == len(wanted) and all(
        ours[:2] == theirs[:2] and abs(ours[2] - theirs[2]) <= 1e-9
        for ours, theirs in zip(changes, wanted, strict=True)
    )


def _recorded_grade(rng: random.Random, mean: float) -> float:
    return min(1.0, max(0.0, rng.gauss(mean, 0.15)))
