"""Lines of first-divergence detection: a model that changes is named from 1% of live runs; equal ones never are."""

import random
from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from services.observability.replay.divergence import Divergence, ShadowShare, Watch

SHARE, WITHIN, LATEST, EQUAL_RUNS = 0.01, 300, 5_000, 10_000
SEEDS, QUICK_SEEDS = 2_000, 200
EQUAL_SEEDS, QUICK_EQUAL_SEEDS = 100, 10

#: A run makes four calls of one model, and two of another. How often answers of a changed model differ, of equal ones.
_CALLS = {"p/changed": 4, "p/steady": 2}
_CHANGED, _BY_CHANCE = 0.6, 0.0005

AIMS = (
    Aim("divergence_found_pct", "%", at_least(95), at_least(98)),
    Aim("divergence_false", "alarms", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Simulate live traffic with shadows of 1%."""
    progress("observability: models that change in live traffic, seen by 1% of shadows")
    seeds, equal = (QUICK_SEEDS, QUICK_EQUAL_SEEDS) if quick else (SEEDS, EQUAL_SEEDS)
    found = [_named(seed) for seed in range(seeds)]
    false = sum(len(_alarms(_dice(-seed - 1), EQUAL_RUNS, EQUAL_RUNS)) for seed in range(equal))
    note = f"of {seeds} seeds within {WITHIN} runs of a change in the first {LATEST}; {_CHANGED:.0%} of answers differ"
    return [
        Line("divergence_found_pct", "%", (100 * sum(found) / seeds,), note),
        Line(
            "divergence_false",
            "alarms",
            (false,),
            f"{equal} times {EQUAL_RUNS} runs, {_BY_CHANCE:.2%} differing",
        ),
    ]


def _named(seed: int) -> bool:
    """Return whether the changed model, and no other, is named, and not before it changed."""
    dice = _dice(seed)
    since = dice.randrange(LATEST)
    alarms = _alarms(dice, since + WITHIN, since)
    return [one.group for one in alarms] == ["p/changed"] and int(alarms[0].run_id) >= since


def _alarms(dice: random.Random, runs: int, since: int) -> list[Divergence]:
    """Return the alarms of a stream of runs whose model changes with the run ``since``."""
    watch, share = Watch(), ShadowShare(SHARE, seed=dice.getrandbits(32))
    return [
        alarm
        for run in range(runs)
        if share.takes()
        for group, calls in _CALLS.items()
        for _ in range(calls)
        if (alarm := watch.add(group, str(run), differs=dice.random() < _chance(group, run >= since))) is not None
    ]


def _chance(group: str, changed: bool) -> float:
    return _CHANGED if changed and group == "p/changed" else _BY_CHANCE


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a simulation
