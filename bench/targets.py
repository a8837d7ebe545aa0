"""The targets of each line: its floor, its goal, and the gate against regressions.

Only ratios of one run and CPU are gated: they hardly move with the noise of the machine.
"""

from dataclasses import dataclass
from enum import Enum

from bench.lines import Earlier, Line

#: A gated line that is worse by more than this share of the committed figure is a regression.
TOLERANCE = 0.10
#: Lines for which less is better: times and sizes.
MORE_IS_BETTER = frozenset({"records/s", "runs/s", "requests/s", "steps/s", "children/s", "calls/s", "x"})
GATED = frozenset(
    {
        "engine_over_stock_faust",
        "workers_3_over_1",
        "cpu_ms_per_run",
        "chained_cpu_ms_per_run",
        "fanout_cpu_ms_per_run",
    }
)


@dataclass(frozen=True)
class Target:
    """``floor`` must hold, on a machine with two cores; ``goal`` is the aim."""

    floor: float
    goal: float


TARGETS: dict[str, Target] = {
    "engine_over_stock_faust": Target(15, 40),
    "engine_records_per_s": Target(15_000, 50_000),
    "runs_per_s": Target(500, 2_000),
    "cpu_ms_per_run": Target(2.5, 1.0),
    "run_p50_ms": Target(20, 10),
    "run_p99_ms": Target(60, 25),
    "chained_runs_per_s": Target(700, 3_000),
    "chained_run_p50_ms": Target(14, 7),
    "fanout_runs_per_s": Target(120, 500),
    "submit_rps": Target(500, 1_500),
    "workers_3_over_1": Target(2.4, 2.9),
    "takeover_pause_p99_s": Target(10, 4),
    "rss_kb_per_run": Target(0.5, 0.1),
    "restore_s": Target(30, 10),
    "waiting_run_kb": Target(2, 1),
    "timer_lateness_ms_p99": Target(250, 50),
    "cancel_ms_p99": Target(1_000, 200),
    "fairness_delay_ms": Target(2_000, 200),
    "map_children_per_s": Target(1_500, 5_000),
    "map_second_half_ratio": Target(1.2, 1.0),
    "call_overhead_ms": Target(6, 3),
}


class Verdict(Enum):
    """The relation of a figure to its target."""

    GOAL = "goal"
    FLOOR = "floor"
    MISSED = "missed"


def is_as_good(unit: str, value: float, than: float) -> bool:
    """Return true if a figure is at least as good as another one."""
    return value >= than if unit in MORE_IS_BETTER else value <= than


def verdict(line: Line) -> Verdict | None:
    """Return the verdict: goal reached, floor held, or both missed; ``None`` without a target."""
    target = TARGETS.get(line.name)
    if target is None:
        return None
    if is_as_good(line.unit, line.value, target.goal):
        return Verdict.GOAL
    return Verdict.FLOOR if is_as_good(line.unit, line.value, target.floor) else Verdict.MISSED


def has_regressed(line: Line, earlier: Earlier | None) -> bool:
    """Return true if a gated line is worse than the committed figure by more than the tolerance."""
    if earlier is None or not earlier.value or line.name not in GATED:
        return False
    bound = 1 - TOLERANCE if line.unit in MORE_IS_BETTER else 1 + TOLERANCE
    return not is_as_good(line.unit, line.value, earlier.value * bound)


def fails_the_gate(line: Line, earlier: Earlier | None) -> bool:
    """Return true if a line fails ``--gate``: gated, and regressed or below its floor."""
    return line.name in GATED and (has_regressed(line, earlier) or verdict(line) is Verdict.MISSED)
