"""The arithmetic of a soak: growth per run, whether the p99 is flat, and memory against the limits."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.lines import percentile, slope

WINDOW_S = 60.0
#: Caches fill and heaps find their size at first; growth is that of what follows.
SETTLED_AFTER = 1 / 2


@dataclass(frozen=True)
class Reading:
    """Memory of each process in MB (10^6 bytes), when so many runs had been submitted.

    ``memory`` is what is resident, which limits are about; ``held`` is what no file backs (``bench.usage.held_mb``).
    """

    at_s: float
    runs: int
    memory: Mapping[str, float]
    held: Mapping[str, float]


def growth(readings: Sequence[Reading]) -> dict[str, float]:
    """Return KB that each process holds more per run, by least squares, over the second half of the time."""
    late = settled(readings)
    names = set.intersection(*(set(one.held) for one in late)) if late else set()
    return {name: slope([(one.runs, 1e3 * one.held[name]) for one in late]) for name in sorted(names)}


def settled(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings of the second half of the time."""
    if not readings:
        return []
    first, last = readings[0].at_s, readings[-1].at_s
    return [one for one in readings if one.at_s >= first + SETTLED_AFTER * (last - first)]


def highest(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the highest memory of each process in MB."""
    found: dict[str, float] = defaultdict(float)
    for reading in readings:
        for name, memory in reading.memory.items():
            found[name] = max(found[name], memory)
    return dict(found)


def of_limit(peaks: Mapping[str, float], limits: Mapping[str, int]) -> dict[str, float]:
    """Return the highest memory of each process that has a limit, in % of it."""
    return {name: 100 * peaks[name] * 1e6 / most for name, most in limits.items() if name in peaks}


def windows(took: Iterable[tuple[float, float]], window_s: float = WINDOW_S) -> list[float]:
    """Return the p99 in milliseconds of each whole window, from pairs of second and milliseconds."""
    found: dict[int, list[float]] = defaultdict(list)
    for at_s, ms in took:
        found[int(at_s // window_s)].append(ms)
    # The first and the last window are not whole.
    return [percentile(found[number], 0.99) for number in sorted(found)[1:-1]]


def flatness(p99s: Sequence[float]) -> float:
    """Return the median of the last third of windows over that of the first; 1 is flat."""
    third = max(1, len(p99s) // 3)
    return statistics.median(p99s[-third:]) / statistics.median(p99s[:third])


def left_per_run(before: Mapping[str, float], after: Mapping[str, float], runs: int) -> dict[str, float]:
    """Return KB of each store per run that stayed when all that expires had expired."""
    return {name: (after[name] - before.get(name, 0.0)) / runs for name in after}
