"""Spectrum-based scores: how well something that runs have or have not goes together with their failure.

* Ochiai: Abreu, Zoeteweij and van Gemund, On the accuracy of spectrum-based fault localization, 2007.
* Tarantula: Jones and Harrold, Empirical evaluation of the Tarantula automatic fault-localization technique, 2005.
"""

import math

from msgspec import Struct


class Spectrum(Struct, frozen=True, kw_only=True):
    """In how many failed and healthy runs something is, of how many."""

    failed_with: int
    failed: int
    healthy_with: int
    healthy: int

    @property
    def ochiai(self) -> float:
        """From 0 to 1: 1 where it is in all failed runs and in no other."""
        both = self.failed * (self.failed_with + self.healthy_with)
        return self.failed_with / math.sqrt(both) if both else 0.0

    @property
    def tarantula(self) -> float:
        """From 0 to 1: its share among failed runs beside that among healthy ones; 0.5 where both are equal."""
        of_failed = self.failed_with / self.failed if self.failed else 0.0
        of_healthy = self.healthy_with / self.healthy if self.healthy else 0.0
        return of_failed / (of_failed + of_healthy) if of_failed + of_healthy else 0.0
