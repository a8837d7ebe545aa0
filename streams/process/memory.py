"""How much memory this process has, and may have: of its control group, or of the machine. Linux only."""

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
#: The limits of control groups, version 2 and 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def resident_bytes(statm: Path = _STATM) -> int | None:
    """Return what the process has in memory; ``None`` where that is unknown."""
    try:
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def limit_bytes(limits: tuple[Path, ...] = _LIMITS) -> int | None:
    """Return what the process may have: the least of its control group's limit and the machine's memory."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    return min([machine, *(found for found in map(_number, limits) if found is not None)])


def _number(file: Path) -> int | None:
    try:
        # `max` is no limit.
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
