"""How many hedged requests a process may send: a share of its calls, and a share of their money.

A provider that is down makes every call slow, and would double them all. So hedges are paid from an allowance that
finished calls earn: ``SHARE`` of a call and of its cost each. A hedge spends one call, and what the try that lost was
settled with, so hedges add about ``SHARE`` to what the calls of the process did cost, and not more in the long run.
"""

SHARE = 0.045
#: Unused hedges that are kept for later; more of them at once would be an outage.
KEPT = 10.0


class Allowance:
    """What this process may spend on hedges."""

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._calls = 0.0
        self._nano = 0.0

    def earn(self, cost_nano: int) -> None:
        """Count a call that was answered."""
        self._calls = min(KEPT, self._calls + self._share)
        self._nano += self._share * cost_nano

    def spend(self, most_nano: int) -> bool:
        """Take one hedge and what it may cost; ``False`` takes nothing and allows none."""
        if self._calls < 1 or self._nano < most_nano:
            return False
        self._calls -= 1
        self._nano -= most_nano
        return True

    def give_back(self, nano: int) -> None:
        """Return what a hedge did not cost; below 0 it did cost more."""
        self._nano += nano
