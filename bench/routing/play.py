"""Play a market to its end, and judge the player by what the best route of each call would have been worth."""

import random
from dataclasses import dataclass

from bench.routing.market import ROUTES, Market
from bench.routing.players import Player


@dataclass(frozen=True)
class Played:
    """What a player got. Rewards are means, so that noise decides nothing; ``bad_picks`` is a share."""

    over_fixed: float
    of_moving: float
    bad_picks: float
    mean_cost_nano: float


def play(market: Market, player: Player) -> Played:
    """Return how a player did beside the best fixed route in hindsight, and the best one of each call."""
    rng = random.Random(market.seed + 1)  # noqa: S311 - a simulation, no secret
    got, best, cost, bad = 0.0, 0.0, 0, 0
    fixed = [0.0] * len(ROUTES)
    watched, degraded = market.after_degradation(), market.best_at_first
    for call in range(market.calls):
        offers = market.offers(call, rng)
        route = player.choose(call)
        offer = offers[route]
        player.learn(route, offer)
        worths = [one.worth for one in offers]
        fixed = [total + worth for total, worth in zip(fixed, worths, strict=True)]
        got, best, cost = got + offer.worth, best + max(worths), cost + offer.cost_nano
        bad += call in watched and route == degraded
    return Played(got / max(fixed), got / best, bad / len(watched), cost / market.calls)
