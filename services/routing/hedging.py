"""When a slow call is hedged, and how many hedges a process may send: a share of its calls, and of their money.

A provider that is down makes every call slow, and would double them all. So hedges are paid from an allowance that
finished calls earn: ``SHARE`` of a call and of its cost each. A hedge spends one call, and what the try that lost was
settled with, so hedges add about ``SHARE`` to the cost of the process' calls, and not more in the long run.

A call is hedged after the p95 of its route, or later: when a hedge costs more than a call does, the allowance pays for
fewer than 5% of the calls, and those are to be the slowest ones.
"""

from services.routing.latencies import Window

SHARE = 0.045
#: Unused hedges that are kept for later; more of them at once would be an outage.
KEPT = 10.0
SLOWEST = 0.05
#: Costs are remembered over about so many calls.
_REMEMBERED = 500


class Allowance:
    """What this process may spend on hedges."""

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._calls = 0.0
        self._nano = 0.0
        self._mean_nano = 0.0
        self._earned = 0

    def earn(self, cost_nano: int) -> None:
        """Count a call that was answered."""
        self._calls = min(KEPT, self._calls + self._share)
        self._nano += self._share * cost_nano
        self._earned = min(_REMEMBERED, self._earned + 1)
        self._mean_nano += (cost_nano - self._mean_nano) / self._earned

    def hedged_after_ms(self, measured: Window, most_nano: int) -> float:
        """Return when a call is hedged whose hedge may cost so much."""
        affordable = self._share if most_nano <= self._mean_nano else self._share * self._mean_nano / most_nano
        return measured.quantile_ms(1 - min(SLOWEST, affordable))

    def spend(self, most_nano: int) -> bool:
        """Take one hedge and what it may cost; ``False`` takes nothing and allows none."""
        if self._calls < 1 or self._nano < most_nano:
            return False
        self._calls -= 1
        self._nano -= most_nano
        return True

    def give_back(self, nano: int) -> None:
        """Return how much less a hedge cost; below 0 it cost more."""
        self._nano += nano
