"""How long routes take to answer, as this process measured it: the last ``WINDOW`` answers of a prompt at a route.

The time of an answer depends on the prompt more than on the route, so each organisation's prompt has a window of its
own. Only answers count, and calls that were broken off for a faster try: they took at least so long. A call that failed
says nothing of how long an answer takes.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

WINDOW = 200
#: Answers without which nothing is said: a p95 of fewer is the longest of them.
LEAST = 20
MOST_WINDOWS = 2_000


class Measured(NamedTuple):
    """What the window of a prompt at a route says, in milliseconds."""

    mean_ms: float
    p95_ms: float


class Latencies:
    """Windows by organisation, prompt and route. The windows that were used last stay."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str, str], deque[float]] = OrderedDict()

    def add(self, org_id: str, prompt: str, route: str, latency_ms: float) -> None:
        """Count an answer."""
        key = (org_id, prompt, route)
        window = self._windows.setdefault(key, deque(maxlen=WINDOW))
        window.append(latency_ms)
        self._windows.move_to_end(key)
        if len(self._windows) > MOST_WINDOWS:
            self._windows.popitem(last=False)

    def measured(self, org_id: str, prompt: str, route: str) -> Measured | None:
        """Return what was measured; ``None`` of fewer than ``LEAST`` answers."""
        window = self._windows.get((org_id, prompt, route))
        if window is None or len(window) < LEAST:
            return None
        return Measured(fmean(window), quantile(window, 0.95))

    def means(self, org_id: str, prompt: str, routes: Iterable[str]) -> dict[str, float]:
        """Return the mean latencies of the routes that were measured."""
        found = ((route, self.measured(org_id, prompt, route)) for route in routes)
        return {route: one.mean_ms for route, one in found if one is not None}


def quantile(values: Iterable[float], share: float) -> float:
    """Return the least value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
