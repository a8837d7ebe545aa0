"""How long routes take to answer, as this process measured it: the last ``WINDOW`` answers of a prompt at a route.

The time of an answer depends on the prompt more than on the route, so each organisation's prompt has a window of its
own. Only answers count, and calls that were broken off for a faster try: they took at least so long. A call that failed
says nothing of how long an answer takes.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable

WINDOW = 400
#: Answers without which nothing is said: a p95 of fewer is the longest of them.
LEAST = 20
MOST_WINDOWS = 1_000


class Window:
    """The last answers of a prompt at a route, in milliseconds."""

    def __init__(self) -> None:
        self._answers: deque[float] = deque(maxlen=WINDOW)
        self._sum = 0.0

    def add(self, latency_ms: float) -> None:
        """Count an answer."""
        if len(self._answers) == WINDOW:
            self._sum -= self._answers[0]
        self._answers.append(latency_ms)
        self._sum += latency_ms

    @property
    def tells(self) -> bool:
        """Whether there are enough answers to say something."""
        return len(self._answers) >= LEAST

    @property
    def mean_ms(self) -> float:
        """The mean of the answers."""
        return self._sum / len(self._answers)

    def quantile_ms(self, share: float) -> float:
        """Return the time in which so large a share of the answers came."""
        return quantile(self._answers, share)


class Latencies:
    """Windows by organisation, prompt and route. The windows that were used last stay."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str, str], Window] = OrderedDict()

    def add(self, org_id: str, prompt: str, route: str, latency_ms: float) -> None:
        """Count an answer."""
        key = (org_id, prompt, route)
        self._windows.setdefault(key, Window()).add(latency_ms)
        self._windows.move_to_end(key)
        if len(self._windows) > MOST_WINDOWS:
            self._windows.popitem(last=False)

    def measured(self, org_id: str, prompt: str, route: str) -> Window | None:
        """Return what was measured; ``None`` of fewer than ``LEAST`` answers."""
        window = self._windows.get((org_id, prompt, route))
        return window if window is not None and window.tells else None

    def means(self, org_id: str, prompt: str, routes: Iterable[str]) -> dict[str, float]:
        """Return the mean latencies of the routes that were measured."""
        found = ((route, self.measured(org_id, prompt, route)) for route in routes)
        return {route: one.mean_ms for route, one in found if one is not None}


def quantile(values: Iterable[float], share: float) -> float:
    """Return the least value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
