"""Calls whose latency is a mixture, hedged or not, in simulated time with the rules of production.

Most answers take about a second; some take eight times as long, at any route alike. A try that loses is settled at its
estimate, which is above its cost by ``ESTIMATE``: what a provider bills for a broken-off call is unknown.
"""

import random
from dataclasses import dataclass

from services.routing.hedging import Allowance
from services.routing.latencies import Latencies, quantile

CALLS = 20_000
SLOW_SHARE, SLOWER = 0.025, 8.0
#: A median of a second, spread as answers of one prompt are.
SIGMA = 0.25
COST_NANO = 1_000_000
#: What is held over what an answer costs.
ESTIMATE = 1.5
_KEY = ("org", "prompt", "a/route")


@dataclass(frozen=True)
class Hedged:
    """What hedges did: the 99th percentiles of latency in ms, without and with them, and the share of cost added."""

    p99_plain_ms: float
    p99_ms: float
    added_cost: float
    hedges: int

    @property
    def saved(self) -> float:
        """By which share the 99th percentile is lower."""
        return 1 - self.p99_ms / self.p99_plain_ms


def simulate(seed: int, calls: int = CALLS) -> Hedged:
    """Return what hedges do to the calls of one process."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    known, allowance = Latencies(), Allowance()
    plain, hedged, added, hedges = [], [], 0, 0
    most = int(ESTIMATE * COST_NANO)
    for _ in range(calls):
        alone_ms, other_ms = _latency_ms(rng), _latency_ms(rng)
        measured = known.measured(*_KEY)
        took_ms = alone_ms
        after_ms = None if measured is None else allowance.hedged_after_ms(measured, most)
        if after_ms is not None and alone_ms > after_ms and allowance.spend(most):
            took_ms = min(alone_ms, after_ms + other_ms)
            hedges, added = hedges + 1, added + most
        # A try that lost took at least as long as the one that won.
        known.add(*_KEY, took_ms)
        allowance.earn(COST_NANO)
        plain.append(alone_ms)
        hedged.append(took_ms)
    return Hedged(quantile(plain, 0.99), quantile(hedged, 0.99), added / (calls * COST_NANO), hedges)


def _latency_ms(rng: random.Random) -> float:
    slow = SLOWER if rng.random() < SLOW_SHARE else 1.0
    return 1000 * slow * rng.lognormvariate(0.0, SIGMA)
