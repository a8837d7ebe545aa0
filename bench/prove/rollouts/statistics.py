"""Lines of the area ``rollouts``: how often equal versions are rolled back, and how soon worse ones, by simulation.

Each line has 1,000 fixed seeds of the default plan with one step, four metrics, and a look after every run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.rollouts.traffic import Behaviour, Scenario, traffic
from bench.rollouts.vectorised import NEVER, Decisions, decide
from deploy.local.engines.progress import Progress
from schemas.rollouts.plan import Plan

SEEDS, QUICK_SEEDS = 1_000, 40
#: Seeds whose arrays are in memory at a time.
_TOGETHER = 20
#: 5% and three standard errors of a share of 1,000.
MOST_FALSE = 100 * (0.05 + 3 * (0.05 * 0.95 / SEEDS) ** 0.5)
_RUNS = 10_000


@dataclass(frozen=True)
class Rate:
    """The share of seeds that are rolled back (or promoted) by a number of runs."""

    aim: Aim
    by: int
    promoted: bool = False


@dataclass(frozen=True)
class Median:
    """The median number of runs until the rollback."""

    aim: Aim


_FALSE = at_most(MOST_FALSE), at_most(3)
_WORSE = Behaviour(score=0.72)

PLAYED: tuple[tuple[Scenario, tuple[Rate | Median, ...]], ...] = (
    (
        Scenario("equal, ratio 0.5", 0.5, _RUNS),
        (
            Rate(Aim("false_rollbacks", "%", *_FALSE), _RUNS),
            Rate(Aim("equal_promoted", "%", at_least(80), at_least(90)), _RUNS, promoted=True),
        ),
    ),
    (
        Scenario("equal, ratio 0.1", 0.1, _RUNS),
        (Rate(Aim("false_rollbacks_ratio_0.1", "%", *_FALSE), _RUNS),),
    ),
    (
        Scenario("disturbed, ratio 0.5", 0.5, _RUNS, disturbed=True),
        (Rate(Aim("false_rollbacks_disturbed", "%", *_FALSE), _RUNS),),
    ),
    (
        Scenario("entities, ratio 0.5", 0.5, _RUNS, entities=500),
        (Rate(Aim("false_rollbacks_clustered", "%", *_FALSE), _RUNS),),
    ),
    (
        Scenario("score, ratio 0.5", 0.5, 3_000, _WORSE),
        (
            Rate(Aim("score_found_by_2000", "%", at_least(85), at_least(92)), 2_000),
            Rate(Aim("score_found_by_3000", "%", at_least(97), at_least(99)), 3_000),
            Median(Aim("score_found_runs", "runs")),
        ),
    ),
    (
        Scenario("score, ratio 0.1", 0.1, 6_000, _WORSE),
        (Rate(Aim("score_found_by_6000_ratio_0.1", "%", at_least(85), at_least(95)), 6_000),),
    ),
    (
        Scenario("errors, ratio 0.1", 0.1, 2_000, Behaviour(errors=0.2)),
        (Rate(Aim("errors_found_by_2000_ratio_0.1", "%", at_least(99), at_least(99)), 2_000),),
    ),
    (
        Scenario("many errors, ratio 0.05", 0.05, 2_000, Behaviour(errors=0.5), Behaviour(errors=0.01)),
        (Median(Aim("brake_runs_ratio_0.05", "runs", at_most(600), at_most(200))),),
    ),
    (
        Scenario("latency, ratio 0.1", 0.1, 2_000, Behaviour(latency=1.5)),
        (Rate(Aim("latency_found_by_2000_ratio_0.1", "%", at_least(99), at_least(99)), 2_000),),
    ),
    (
        Scenario("at the margin, ratio 0.5", 0.5, _RUNS, Behaviour(score=0.75)),
        (Rate(Aim("margin_promoted", "%", at_most(MOST_FALSE), at_most(5)), _RUNS, promoted=True),),
    ),
)

AIMS = tuple(figure.aim for _, figures in PLAYED for figure in figures)


def plan_of(scenario: Scenario) -> Plan:
    """Return the default plan with one step, which decides as soon as the data do."""
    plan = Plan(steps=(scenario.ratio,), step_ms=0, least_ms=0, score_ms=0)
    return structs.replace(plan, sticky=scenario.entities > 0)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play every scenario."""
    seeds = QUICK_SEEDS if quick else SEEDS
    found: list[Line] = []
    for scenario, figures in PLAYED:
        progress(f"rollouts: {scenario.name}: {seeds} seeds x {scenario.runs} runs")
        decisions = played(scenario, seeds)
        found += [_line(figure, decisions, seeds) for figure in figures]
    return found


def played(scenario: Scenario, seeds: int) -> Decisions:
    """Return what is decided of the first seeds."""
    plan = plan_of(scenario)
    parts = [decide(plan, traffic(scenario, some)) for some in _ranges(seeds)]
    return Decisions(*(np.concatenate(rows) for rows in zip(*parts, strict=True)))


def _ranges(seeds: int) -> Iterator[range]:
    for start in range(0, seeds, _TOGETHER):
        yield range(start, min(start + _TOGETHER, seeds))


def _line(figure: Rate | Median, decisions: Decisions, seeds: int) -> Line:
    note = f"{seeds} seeds, a look after every run"
    if isinstance(figure, Median):
        stopped = float(np.median(np.minimum(decisions.rolled_back, NEVER // 2)))
        return Line(figure.aim.name, figure.aim.unit, (stopped,), note)
    before = decisions.rolled_back <= decisions.promoted
    ended = (decisions.promoted <= figure.by) & ~before if figure.promoted else (decisions.rolled_back <= figure.by)
    counted = ended if figure.promoted else ended & before
    return Line(figure.aim.name, figure.aim.unit, (100 * float(np.mean(counted)),), note)
