"""The same runs under two conditions, in turns on one system: what one condition costs beside the other.

A block is plain, changed, changed, plain, and the next one begins with the other: what gets slower or faster by itself
meanwhile is the same in both. CPU time is compared beside rates, as other work on the machine moves those; on a machine
that is full the rate of runs is what remains of it.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.run_load import Submitter
from bench.stage import Stage

Settle = Callable[[], Awaitable[None]]


class Round(NamedTuple):
    """Runs per second until the last one ended, and the CPU time of a run in s, of all processes until settled.

    ``by_process`` is that of each. ``settled_per_s`` are runs per second until the last row of them was written, 0
    where nobody asked.
    """

    runs_per_s: float
    cpu_s: float
    by_process: Mapping[str, float] = {}
    settled_per_s: float = 0.0


class ByProcess(NamedTuple):
    """What runs cost by process: ``per_cpu`` as of ``Compared``, ``more_us`` the CPU time that changed ones add."""

    per_cpu: float
    more_us: Mapping[str, float]


async def measured_round(
    stage: Stage, runs: int, *, submitter: Submitter | None = None, in_flight: int | None = None, settle: Settle
) -> Round:
    """Run so many runs; ``settle`` returns when the processes have done everything. Raises ``BenchError``."""
    await settle()
    cpu, began = stage.cpu_seconds(), time.perf_counter()
    await stage.run_many(runs, submitter, in_flight)
    took = time.perf_counter() - began
    await settle()
    settled = time.perf_counter() - began
    spent = {name: (seconds - cpu[name]) / runs for name, seconds in stage.cpu_seconds().items()}
    return Round(runs / took, sum(spent.values()), spent, runs / settled)


@dataclass
class Compared:
    """What blocks showed, one value a block: more than 1 is in favour of ``changed``.

    ``per_cpu``: runs per CPU second, changed over plain. ``rates``: runs per second; ``pairs``: the same of two rounds,
    one right behind the other, which is two values a block. ``settled``: pairs of the rate until all was written, if
    the rounds tell it. ``plain``: runs per second of plain ones. ``same``: how far two rounds of the same condition
    differ in CPU time.
    """

    per_cpu: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    pairs: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    processes: list[tuple[Mapping[str, float], Mapping[str, float]]] = field(default_factory=list)

    def by_process(self) -> ByProcess:
        """Return what each process adds, its median over blocks, and what all of that makes.

        What a store does in the background (a merge, a vacuum, a collection) falls into some rounds by chance, and is
        many times what is measured. In a sum over all processes it is in every block, in one process in few of them.
        """
        if not self.processes or not self.processes[0][0]:
            raise ValueError("the rounds do not tell what each process used")
        names = list(self.processes[0][0])
        plain = {name: statistics.median(one[name] for one, _ in self.processes) for name in names}
        more = {name: statistics.median(other[name] - one[name] for one, other in self.processes) for name in names}
        whole = sum(plain.values())
        return ByProcess(whole / (whole + sum(more.values())), {name: 1e6 * more[name] for name in names})

    @property
    def noise(self) -> str:
        """Words for a note: how far equal rounds differ."""
        return f"two rounds of the same runs differ by {statistics.median(self.same):.1%}"


async def compared(blocks: int, one_round: Callable[[bool], Awaitable[Round]]) -> Compared:
    """Return what so many blocks of four rounds show. ``one_round(changed)`` measures one."""
    found = Compared()
    for number in range(blocks):
        outer = number % 2 == 1
        first, *both, last = [await one_round(changed) for changed in (outer, not outer, not outer, outer)]
        of_outer, of_inner = _together(first, last), _together(*both)
        plain, changed = (of_inner, of_outer) if outer else (of_outer, of_inner)
        found.per_cpu.append(plain.cpu_s / changed.cpu_s)
        found.processes.append((plain.by_process, changed.by_process))
        found.rates.append(changed.runs_per_s / plain.runs_per_s)
        for outside, inside in ((first, both[0]), (last, both[1])):
            one, other = (inside, outside) if outer else (outside, inside)
            found.pairs.append(other.runs_per_s / one.runs_per_s)
            if one.settled_per_s:
                found.settled.append(other.settled_per_s / one.settled_per_s)
        found.plain.append(plain.runs_per_s)
        found.same.append(abs(both[0].cpu_s / both[1].cpu_s - 1))
    return found


def _together(one: Round, other: Round) -> Round:
    """Return what two rounds of as many runs are together."""
    parts = {name: (seconds + other.by_process[name]) / 2 for name, seconds in one.by_process.items()}
    return Round(2 / (1 / one.runs_per_s + 1 / other.runs_per_s), (one.cpu_s + other.cpu_s) / 2, parts)
