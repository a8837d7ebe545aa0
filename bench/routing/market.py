"""A synthetic market of three routes that drifts: the best one degrades and recovers, the dearest one becomes cheap.

A route's quality is the mean of the scores of its calls, which vary around it; a call's cost is fixed. All follows from
the seed, so every player meets the same calls.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

CALLS = 20_000
ROUTES = ("market/dear", "market/middle", "market/cheap")
COST_PER_USD = 100.0
#: The first call of each drift, and the one after the last.
DEGRADED, RECOVERED, CHEAPER = 6_000, 9_000, 13_000
_NOISE = 0.15
_NANO = 1_000_000_000


@dataclass(frozen=True)
class Offer:
    """One route at one call: what it is worth on average, what this answer scores, what it costs."""

    quality: float
    score: float
    cost_nano: int

    @property
    def worth(self) -> float:
        """The mean reward."""
        return self.quality - COST_PER_USD * self.cost_nano / _NANO


@dataclass(frozen=True)
class Market:
    """The market of a seed. ``drifts`` false leaves qualities and costs as they are in the beginning."""

    seed: int
    calls: int = CALLS
    drifts: bool = True
    qualities: Sequence[float] = field(init=False)
    costs_nano: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the market."""
        rng = random.Random(self.seed)  # noqa: S311 - a simulation, no secret
        drawn = [(rng.uniform(*quality), rng.uniform(*cost)) for quality, cost in _RANGES]
        object.__setattr__(self, "qualities", [quality for quality, _ in drawn])
        object.__setattr__(self, "costs_nano", [int(cost * _NANO) for _, cost in drawn])

    @property
    def best_at_first(self) -> int:
        """The route that degrades: the best one in the beginning."""
        worths = [q - COST_PER_USD * c / _NANO for q, c in zip(self.qualities, self.costs_nano, strict=True)]
        return worths.index(max(worths))

    def offers(self, call: int, rng: random.Random) -> list[Offer]:
        """Return what each route offers at a call."""
        qualities, costs = list(self.qualities), list(self.costs_nano)
        if self.drifts and self._at(DEGRADED) <= call < self._at(RECOVERED):
            qualities[self.best_at_first] /= 2
        if self.drifts and call >= self._at(CHEAPER):
            costs[0] //= 20
        scores = [min(1.0, max(0.0, rng.gauss(quality, _NOISE))) for quality in qualities]
        return [Offer(*one) for one in zip(qualities, scores, costs, strict=True)]

    def after_degradation(self) -> range:
        """Return the calls 401 to 500 after the best route has degraded."""
        return range(self._at(DEGRADED) + 400, self._at(DEGRADED) + 500)

    def _at(self, call: int) -> int:
        return call * self.calls // CALLS


_RANGES = (((0.75, 0.9), (0.003, 0.005)), ((0.6, 0.75), (0.0006, 0.0012)), ((0.45, 0.6), (0.0001, 0.0003)))
