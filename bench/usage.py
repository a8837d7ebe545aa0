"""CPU and memory of processes with all their children, and the CPU that the machine lost to its host."""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC, PROC_STAT = Path("/proc"), Path("/proc/stat")
#: Positions among the numbers of the line ``cpu`` of ``/proc/stat``: ``idle`` and ``iowait``, and ``steal``.
IDLE, STEAL = (3, 4), 7


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children, those that ended and were waited for included.

    Two readings of one tree may be subtracted: a child's time moves to its parent when the child ends.
    """
    return sum(sum(process.cpu_times()[:4]) for process in _tree(pid))


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its children in MB (10^6 bytes).

    PostgreSQL's children share most of theirs, so in a tree each page counts by the share of those that map it.
    """
    tree = _tree(pid)
    return sum(_own_bytes(process, shared=len(tree) > 1) for process in tree) / 1e6


def held_mb(pid: int, proc: Path = PROC) -> float:
    """Return the memory of a process and its children in MB that only they can give back.

    That is anonymous and shared memory, a page by the share of those that map it. Pages of files (programs, indexes)
    are the kernel's, which drops them when memory is short; so are pages that were freed and not reused yet. Where the
    kernel does not tell, it is the resident memory. Raises ``OSError`` and ``psutil.Error`` for one that has ended.
    """
    if not (proc / "self" / "smaps_rollup").exists():
        return memory_mb(pid)
    return sum(_held_kb(proc / str(process.pid) / "smaps_rollup") for process in _tree(pid)) * 1024 / 1e6


def _held_kb(rollup: Path) -> int:
    sizes = dict(line.split()[:2] for line in rollup.read_text(encoding="ascii").splitlines()[1:])
    return int(sizes["Pss_Anon:"]) + int(sizes["Pss_Shmem:"]) - int(sizes.get("LazyFree:", 0))


def load_average() -> float | None:
    """Return the machine's load average over the last minute; ``None`` if it is unknown."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def own_cpu_seconds() -> float:
    """Return the CPU time of this process alone: the load generator's."""
    return time.process_time()  # the kernel's table of processes counts in hundredths of a second


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [p for p in (root, *root.children(recursive=True)) if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def _own_bytes(process: psutil.Process, *, shared: bool) -> int:
    if shared and psutil.LINUX:
        return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)


@dataclass(frozen=True)
class Elsewhere:
    """Shares (0 to 1) of the machine's CPU time: given by its host to others, and taken by foreign processes."""

    steal: float
    others: float


class MachineTimes:
    """The machine's CPU time since this was created, if Linux reports it."""

    def __init__(self, stat: Path = PROC_STAT) -> None:
        self._stat = stat
        self._start = self._read()
        self._ours = _waited_for_seconds()

    def elsewhere(self) -> Elsewhere | None:
        """Return where other CPU time went; ``None`` if it is unknown. Ask when all children have ended."""
        if self._start is None or (now := self._read()) is None:
            return None
        return elsewhere(self._start, now, _waited_for_seconds() - self._ours)

    def _read(self) -> list[float] | None:
        if not self._stat.exists():
            return None
        # What follows steal is guests' time, which is part of user time already.
        numbers = self._stat.read_text().split("\n", 1)[0].split()[1 : STEAL + 2]
        return [int(number) / os.sysconf("SC_CLK_TCK") for number in numbers]


def elsewhere(start: Sequence[float], end: Sequence[float], ours: float) -> Elsewhere:
    """Return the shares between two readings of ``/proc/stat`` in seconds, of which ``ours`` were our processes'."""
    spent = [after - before for before, after in zip(start, end, strict=True)]
    total = sum(spent)
    if total <= 0:
        return Elsewhere(0.0, 0.0)
    busy = total - spent[STEAL] - sum(spent[i] for i in IDLE)
    return Elsewhere(spent[STEAL] / total, max(0.0, busy - ours) / total)


def _waited_for_seconds() -> float:
    """Return the CPU time of this process and of all descendants that ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))
