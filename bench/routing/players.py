"""Who plays on a market: the bandit of ``services.routing``, and what it is compared with."""

import math
import random
from typing import Protocol

from bench.routing.market import COST_PER_USD, ROUTES, Market, Offer
from schemas.tables.routes import NOTHING, Learned
from services.routing.bandit import Terms, Weights, learned_choice, reward
from services.routing.choice import Candidate, Choice
from streams.core.routes.learning import Observed, learned_with


class Player(Protocol):
    """Chooses routes by their place in ``ROUTES``, and is told what it got."""

    def choose(self, call: int) -> int:
        """Return the route of a call."""
        ...

    def learn(self, route: int, offer: Offer) -> None:
        """Take the outcome in."""
        ...


class Random:
    """Any route, whatever it is worth."""

    def __init__(self, market: Market) -> None:
        self._rng = random.Random(market.seed)  # noqa: S311 - a simulation, no secret

    def choose(self, call: int) -> int:
        """Return any route."""
        return self._rng.randrange(len(ROUTES))

    def learn(self, route: int, offer: Offer) -> None:
        """Learn nothing."""


class Static:
    """The route with the best facts in the beginning: the static score with the same weights."""

    def __init__(self, market: Market) -> None:
        self._route = market.best_at_first

    def choose(self, call: int) -> int:
        """Return the same route for every call."""
        return self._route

    def learn(self, route: int, offer: Offer) -> None:
        """Learn nothing."""


class Ucb1:
    """UCB1 on the reward, clipped to 0 to 1: it never forgets."""

    def __init__(self) -> None:
        self._played = [0] * len(ROUTES)
        self._sums = [0.0] * len(ROUTES)

    def choose(self, call: int) -> int:
        """Return the route with the highest upper bound."""
        for route, played in enumerate(self._played):
            if not played:
                return route
        bonus = 2 * math.log(call + 1)
        bounds = [total / n + math.sqrt(bonus / n) for total, n in zip(self._sums, self._played, strict=True)]
        return bounds.index(max(bounds))

    def learn(self, route: int, offer: Offer) -> None:
        """Count the reward."""
        self._played[route] += 1
        weights = Weights(cost_per_usd=COST_PER_USD)
        self._sums[route] += min(1.0, max(0.0, reward(offer.score, offer.cost_nano, 0.0, weights)))


class Bandit:
    """``services.routing.bandit`` with the updates of ``streams.core.routes``: what production runs.

    Its prior knows the costs in the beginning and of the qualities only that all are ``guess``.
    """

    def __init__(self, market: Market, *, guess: float = 0.65, ceiling_nano: int = 0, weighs: bool = True) -> None:
        self._seed = market.seed
        self._weights = Weights(cost_per_usd=COST_PER_USD if weighs else 0.0, lateness=0.0)
        self._ceiling_nano = ceiling_nano
        self._static = _static(market, guess)
        self.known: Learned = NOTHING
        self.chosen: Choice = self._static

    def choose(self, call: int) -> int:
        """Return the route that chance and beliefs lead to."""
        terms = Terms(
            known=self.known, seed=f"{self._seed}:{call}", weights=self._weights, ceiling_nano=self._ceiling_nano
        )
        self.chosen = learned_choice(self._static, terms)
        return ROUTES.index(self.chosen.route)

    def learn(self, route: int, offer: Offer) -> None:
        """Fold the outcome."""
        estimate = next(one.cost_nano for one in self._static.candidates if one.route == ROUTES[route])
        seen = Observed(
            route=ROUTES[route],
            score=offer.score,
            cost_nano=offer.cost_nano,
            estimate_nano=estimate,
            latency_ms=1.0,
            ceiling_nano=self._ceiling_nano,
        )
        self.known = learned_with(self.known, seen)


def _static(market: Market, guess: float) -> Choice:
    candidates = tuple(
        Candidate(route=route, quality=guess, cost_nano=cost_nano, latency_ms=1.0, reliability=1.0, parts={}, score=0.0)
        for route, cost_nano in zip(ROUTES, market.costs_nano, strict=True)
    )
    return Choice(by="learn", tier="bronze", policy="", models="", route=ROUTES[0], candidates=candidates)
