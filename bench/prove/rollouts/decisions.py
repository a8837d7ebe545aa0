"""Lines of the area ``rollouts``: the simulation decides as the fold does, and the log decides the same again."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.lines import Line
from bench.prove.area import Aim, at_least
from bench.prove.rollouts.statistics import PLAYED, plan_of
from bench.rollouts.folded import Fate, as_recorded, fates, play, records
from bench.rollouts.traffic import Scenario, Traffic, traffic
from bench.rollouts.vectorised import NEVER, decide
from deploy.local.engines.progress import Progress

#: The fold is played on the first seeds of each scenario, whose runs are cut at some.
SEEDS, QUICK_SEEDS, RUNS, QUICK_RUNS = 8, 2, 2_500, 800

AIMS = (
    Aim("decisions_as_folded", "%", at_least(100), at_least(100)),
    Aim("decisions_recomputed_equal", "%", at_least(100), at_least(100)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the same traffic by arrays and by the fold, and the log of the fold twice."""
    seeds, runs = (QUICK_SEEDS, QUICK_RUNS) if quick else (SEEDS, RUNS)
    equal: list[bool] = []
    again: list[bool] = []
    for scenario, _ in PLAYED:
        progress(f"rollouts: the fold on {scenario.name}: {seeds} seeds x {min(runs, scenario.runs)} runs")
        data = as_recorded(_cut(traffic(scenario, range(seeds)), runs))
        if not scenario.entities:  # the fold groups entities in buckets, by a hash
            equal += [a == b for a, b in zip(fates(plan_of(scenario), data), _of_arrays(scenario, data), strict=True)]
        again.append(_is_repeated(scenario, data))
    return [
        Line("decisions_as_folded", "%", (100 * float(np.mean(equal)),), f"{len(equal)} seeds, state and run"),
        Line("decisions_recomputed_equal", "%", (100 * float(np.mean(again)),), f"{len(again)} logs, byte for byte"),
    ]


def _cut(data: Traffic, runs: int) -> Traffic:
    cut: list[Any] = [one[:, :runs] for one in data]
    return Traffic(*cut)


def _of_arrays(scenario: Scenario, data: Traffic) -> Sequence[Fate]:
    found = decide(plan_of(scenario), data)
    return [_fate(int(back), int(forth)) for back, forth in zip(found.rolled_back, found.promoted, strict=True)]


def _fate(rolled_back: int, promoted: int) -> Fate:
    if min(rolled_back, promoted) == NEVER:
        return "running", 0
    return ("rolled_back", rolled_back) if rolled_back <= promoted else ("promoted", promoted)


def _is_repeated(scenario: Scenario, data: Traffic) -> bool:
    """Return whether a log gives the same decisions again, also when all of its records came twice."""
    log = records(plan_of(scenario), data, 0)
    once = play(log)
    return once == play(log) == play([one for record in log for one in (record, record)], copies=2)
