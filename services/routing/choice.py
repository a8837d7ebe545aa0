"""A choice of a route that explains itself: its candidates, their scores, what was left out and why.

It is recorded as it is (span, ``route-outcomes``), and ``recomputed`` finds the chosen route again from nothing else.
"""

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from msgspec import Struct

from schemas.spec.policy import RouteBy, Tier

Reason = Literal[
    "tier",
    "data_class",
    "organisation",
    "node",
    "no_provider",
    "tools",
    "images",
    "json_schema",
    "context",
    "unpriced",
    "unhealthy",
    "quota",
    "too_slow",
    "over_ceiling",
    "over_budget",
    "no_credit",
    "stopped",
]


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A route that could be taken.

    ``cost_nano`` is what the call is estimated to cost at most, ``parts`` are the terms of ``score`` before their
    weights, ``context_tokens`` is how much the model reads. Of a learned choice ``mean`` and ``deviation`` describe
    what its reward is believed to be, and ``probability`` is that of being chosen.
    """

    route: str
    quality: float
    cost_nano: int
    latency_ms: float
    reliability: float
    parts: dict[str, float]
    score: float
    mean: float | None = None
    deviation: float | None = None
    probability: float | None = None
    context_tokens: int = 0


class Excluded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that was no candidate, and why."""

    route: str
    reason: Reason
    detail: str = ""


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One choice. ``candidates`` have the best first, and every one of a learned choice has its probability.

    ``propensity`` is the probability of ``route`` when it was chosen, exact. ``seed`` are the ids that decided among
    them; a choice without chance has none. ``policy`` and ``models`` are the versions of rules and of qualities.
    """

    by: RouteBy
    tier: Tier
    policy: str
    models: str
    route: str
    propensity: float = 1.0
    weights: dict[str, float] = {}
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...] = ()
    seed: str = ""
    learned_from: int = 0

    @property
    def in_order(self) -> tuple[Candidate, ...]:
        """The candidates as they are tried: best score first, of a learned choice the highest expected reward."""
        return tuple(sorted(self.candidates, key=lambda one: -(one.score if one.mean is None else one.mean)))

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The other candidates, in the order in which they are tried."""
        return tuple(one.route for one in self.in_order if one.route != self.route)

    @property
    def margin(self) -> float | None:
        """By how much the chosen score leads the next best one, negative when it does not; ``None`` without another."""
        scores = {one.route: one.score for one in self.candidates}
        others = [scores[route] for route in self.fallbacks]
        return scores[self.route] - max(others) if others else None


def recomputed(choice: Choice) -> str:
    """Return the route that the stated reasons lead to; the chosen one, unless the record is wrong."""
    if choice.seed:
        return drawn([(one.route, one.probability or 0.0) for one in choice.candidates], choice.seed)
    return min(choice.candidates, key=lambda one: (-weighed(one.parts, choice.weights), one.route)).route


def weighed(parts: dict[str, float], weights: dict[str, float]) -> float:
    """Return the score of these terms."""
    return sum(weights[name] * parts[name] for name in sorted(weights))


def drawn(shares: Sequence[tuple[str, float]], seed: str) -> str:
    """Return one of the routes, with the probability that it has, decided by the seed alone."""
    point = unit(seed) * sum(share for _, share in shares)
    reached = accumulate(share for _, share in shares)
    return next((route for (route, _), bound in zip(shares, reached, strict=True) if point < bound), shares[-1][0])


def unit(seed: str) -> float:
    """Return the number from 0 to below 1 that a seed stands for."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7]) / 2**56
