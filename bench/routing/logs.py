"""Logs of choices with propensities, and what another policy would truly have earned there."""

import random
from collections.abc import Mapping

from bench.routing.market import COST_PER_USD, ROUTES, Market
from bench.routing.players import Bandit
from schemas.errors import Rejected
from services.routing.bandit import Weights, reward
from services.routing.off_policy import Logged, judged

CHOICES = 3_000
LOGS = 100


def truth_and_log(seed: int, choices: int = CHOICES) -> tuple[float, list[Logged]]:
    """Return the true value of a random policy on a market that does not drift, and the bandit's log of that market."""
    market = Market(seed, calls=choices, drifts=False)
    other = _policy(random.Random(seed + 2))  # noqa: S311 - a simulation, no secret
    rng = random.Random(seed + 1)  # noqa: S311 - as above
    bandit, log = Bandit(market), []
    for call in range(choices):
        offers = market.offers(call, rng)
        route = bandit.choose(call)
        bandit.learn(route, offers[route])
        earned = reward(offers[route].score, offers[route].cost_nano, 0.0, Weights(cost_per_usd=COST_PER_USD))
        log.append(Logged(route=ROUTES[route], propensity=bandit.chosen.propensity, reward=earned, other=other))
    worths = [offer.worth for offer in market.offers(0, rng)]
    return sum(share * worth for share, worth in zip(other.values(), worths, strict=True)), log


def covered(logs: int = LOGS, choices: int = CHOICES) -> tuple[int, int]:
    """Return in how many logs the doubly robust interval has the true value, and how many logs could be judged."""
    hits, able = 0, 0
    for seed in range(logs):
        truth, log = truth_and_log(seed, choices)
        try:
            estimate = judged(log).doubly_robust
        except Rejected:
            continue
        able += 1
        hits += estimate.low <= truth <= estimate.high
    return hits, able


def _policy(rng: random.Random) -> Mapping[str, float]:
    shares = [rng.uniform(0.1, 1.0) for _ in ROUTES]
    return {route: share / sum(shares) for route, share in zip(ROUTES, shares, strict=True)}
