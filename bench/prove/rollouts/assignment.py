"""Lines of the area ``rollouts``: who gets which arm, and the alarm of a wrong split."""

from collections.abc import Sequence

import numpy as np

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.rollouts.split import alarm_share
from deploy.local.engines.progress import Progress
from schemas.rollouts.assignment import assigned

ENTITIES, RUNS, SEEDS, QUICK_SEEDS = 10_000, 20, 1_000, 40
RATIOS = (0.1, 0.3, 0.5)

AIMS = (
    Aim("moves_back", "moves", at_most(0), at_most(0)),
    Aim("share_off", "s.e.", at_most(3), at_most(3)),
    Aim("split_faults_alarmed", "%", at_least(99), at_least(99)),
    Aim("split_false_alarms", "%", at_most(0.5), at_most(0.5)),
)


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
