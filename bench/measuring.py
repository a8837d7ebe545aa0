"""Measures groups of lines, one after the other, each on engines and roles of its own."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.lines import BenchError, Line, NotThere
from bench.measures import (
    calls,
    cancels,
    chained,
    fairness,
    growth,
    isolation,
    restore,
    system_lines,
    takeover,
    timers,
    waiting,
    wide_map,
    workers,
)
from bench.measures.stock import against_stock
from bench.plan import WHOLE_SYSTEM, Group, Sizes
from deploy.local.engines import EngineError
from deploy.local.engines.progress import Progress

#: In this order, after the whole system.
APART: dict[Group, Callable[[Path, Sizes, Progress], list[Line]]] = {
    Group.CHAINED: chained.measure,
    Group.WORKERS: workers.measure,
    Group.TAKEOVER: takeover.measure,
    Group.GROWTH: growth.measure,
    Group.WAITING: waiting.measure,
    Group.RESTORE: restore.measure,
    Group.TIMERS: timers.measure,
    Group.CANCELS: cancels.measure,
    Group.FAIRNESS: fairness.measure,
    Group.MAPS: wide_map.measure,
    Group.ISOLATION: isolation.measure,
    Group.CALLS: calls.measure,
}


@dataclass
class Measured:
    """What was measured; what was not, because this checkout has not got it; and what failed."""

    lines: list[Line] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def measure_groups(groups: frozenset[Group], sizes: Sizes, say: Progress) -> Measured:
    """Measure what is asked for. A failure is reported at the end: the rest of a long run is not lost."""
    measured = Measured()
    with tempfile.TemporaryDirectory(prefix="agentflow-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if Group.ENGINE in groups:
            _try(measured, say, "engine", lambda: against_stock.measure(folder / "engine", sizes, say))
        if groups & frozenset(WHOLE_SYSTEM):
            _try(measured, say, "system", lambda: system_lines.measure(folder / "system", groups, sizes, say))
        for group, measure in APART.items():
            if group in groups:
                say(f"{group.value}: starting")
                _try(measured, say, group.value, partial(measure, folder / group.value, sizes, say))
    return measured


def _try(measured: Measured, say: Progress, what: str, measure: Callable[[], list[Line]]) -> None:
    try:
        measured.lines += measure()
    except NotThere as exc:
        measured.missing.append(f"{what}: not measured: {exc}")
    except (BenchError, EngineError) as exc:
        say(f"{what}: failed: {exc}")
        measured.failures.append(f"{what}: failed: {exc}".partition("\n")[0])
