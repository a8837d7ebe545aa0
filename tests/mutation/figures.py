"""The share of killed mutants, how sure it is, and whether it is enough."""

import math
from dataclasses import dataclass

FLOOR, GOAL = 0.90, 0.97
#: Of the normal distribution, for an interval that holds the true share in 95% of samples.
Z = 1.959964


@dataclass(frozen=True)
class Share:
    """``killed`` of ``tried``; mutants that are listed as equivalent are in neither."""

    killed: int
    tried: int

    @property
    def value(self) -> float:
        """The share; 0 when nothing was tried."""
        return self.killed / self.tried if self.tried else 0.0

    def holds_floor(self) -> bool:
        """Return whether the share itself is at least the floor."""
        return self.tried > 0 and self.value >= FLOOR

    def interval(self) -> tuple[float, float]:
        """Return Wilson's interval, from 0 to 1 when nothing was tried."""
        if not self.tried:
            return 0.0, 1.0
        n, p, z2 = self.tried, self.value, Z * Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def line(self) -> str:
        """Return the line that is printed: ``killed_share value x`` and, for people, the interval and the aims."""
        low, high = self.interval()
        verdict = "goal" if self.value >= GOAL and self.tried else "floor" if self.holds_floor() else "missed"
        return (
            f"killed_share {self.value:.3f} x  # {self.killed} of {self.tried}, 95% interval {low:.3f} to {high:.3f}; "
            f"floor {FLOOR:g} goal {GOAL:g}: {verdict}"
        )
