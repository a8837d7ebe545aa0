"""Lines of the area ``rollouts``: who gets which arm, and the alarm of a wrong split."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.rollouts.traffic import Bools, Floats
from deploy.local.engines.progress import Progress
from schemas.rollouts.assignment import assigned
from schemas.rollouts.sequential import SPLIT_ALPHA, SPLIT_UNITS, needed

_TOGETHER = 50

ENTITIES, RUNS, SEEDS, QUICK_SEEDS = 10_000, 20, 1_000, 40
RATIOS = (0.1, 0.3, 0.5)
AIMS = (
    Aim("moves_back", "moves", at_most(0), at_most(0)),
    Aim("share_off", "s.e.", at_most(3), at_most(3)),
    Aim("split_faults_alarmed", "%", at_least(99), at_least(99)),
    Aim("split_false_alarms", "%", at_most(0.5), at_most(0.5)),
)


def alarm_share(seeds: int, units: int, lost: float, ratio: float = 0.5) -> float:
    """Return the share of seeds with an alarm when stable gets this share of the canary's units."""
    found = 0
    for start in range(0, seeds, _TOGETHER):
        rng = np.random.default_rng([units, start, round(1000 * lost)])
        canary = rng.random((min(_TOGETHER, seeds - start), units)) < ratio * (1 - lost)
        found += int(np.sum(split_evidence(canary, ratio).max(axis=1) >= needed(SPLIT_ALPHA)))
    return found / seeds


def split_evidence(canary: Bools, ratio: float) -> Floats:
    """Return the evidence of a wrong split after every unit."""
    units = np.arange(canary.shape[1])
    before: npt.NDArray[np.int64] = np.cumsum(canary, axis=1) - canary
    predicted = (SPLIT_UNITS * ratio + before) / (SPLIT_UNITS + units)
    factors = np.where(canary, np.log(predicted / ratio), np.log((1 - predicted) / (1 - ratio)))
    found: Floats = np.cumsum(factors, axis=1)
    return found


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Assign entities while the ratio grows, and split others rightly and wrongly."""
    seeds = QUICK_SEEDS if quick else SEEDS
    progress(f"rollouts: {ENTITIES} entities x {RUNS} runs, and splits of {seeds} seeds")
    moves, off = _moves()
    faults, false = alarm_share(seeds, ENTITIES, lost=0.1), alarm_share(seeds, ENTITIES, lost=0.0)
    note = f"{seeds} seeds x {ENTITIES} entities, a look after every one"
    return [
        Line("moves_back", "moves", (float(moves),), f"{ENTITIES} entities x {RUNS} runs at ratios {RATIOS}"),
        Line("share_off", "s.e.", (off,), "of the ratio, the largest of three"),
        Line("split_faults_alarmed", "%", (100 * faults,), f"{note}; stable gets a tenth of the canary's"),
        Line("split_false_alarms", "%", (100 * false,), f"{note}; {RUNS} runs of an entity count once"),
    ]


def _moves() -> tuple[int, float]:
    """Return how often an entity left the canary, and how far the shares were from the ratios."""
    ratios = [RATIOS[run * len(RATIOS) // RUNS] for run in range(RUNS)]
    arms = np.array([[assigned("salt", f"user-{n}", r) == "canary" for r in ratios] for n in range(ENTITIES)])
    moves = int(np.sum(arms[:, :-1] & ~arms[:, 1:]))
    shares = [(float(arms[:, at].mean()), ratio) for at, ratio in enumerate(ratios)]
    return moves, max(abs(share - ratio) / (ratio * (1 - ratio) / ENTITIES) ** 0.5 for share, ratio in shares)
