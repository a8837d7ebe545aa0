"""Bounds how many sets of users' own values a metric shows: each process gives a fixed number of places, once.

The largest sets get the first places, and a set keeps its place for as long as the process lives. So a set that is
shown under its name never moves to ``other`` and back, which Prometheus would read as a reset of the counter. What
comes late, when no place is left, is added up as ``other``, until a restart ranks all of them again.
"""

from collections.abc import Iterable, Mapping

from schemas.metrics.labels import MOST_SETS

OpenSet = tuple[str, ...]


class Places:
    """The places of every metric, in one process."""

    def __init__(self, most: int = MOST_SETS) -> None:
        self._most = most
        self._taken: dict[str, set[OpenSet]] = {}

    def give(self, metric: str, sizes: Mapping[OpenSet, float]) -> None:
        """Give the free places of a metric to new sets, the largest first."""
        taken = self._taken.setdefault(metric, set())
        free = self._most - len(taken)
        if free > 0:
            taken.update(_largest((one for one in sizes if one not in taken), sizes)[:free])

    def has(self, metric: str, values: OpenSet) -> bool:
        """Return whether a set is shown under its own values."""
        return values in self._taken.get(metric, ())


def _largest(sets: Iterable[OpenSet], sizes: Mapping[OpenSet, float]) -> list[OpenSet]:
    return sorted(sets, key=lambda one: (-sizes[one], one))
