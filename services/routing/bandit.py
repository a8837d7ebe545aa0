"""Routes that learn: discounted Thompson sampling for each arm group (organisation, prompt, tier).

    reward = score - lambda * cost - mu * lateness

``score`` is 0 to 1: what somebody scored the answer with, else the model's quality, and 0 of a call that failed at the
provider. ``cost`` is US dollars, ``lateness`` is ``max(0, latency / sla_ms - 1)``, at most 1. ``Weights`` has lambda
and mu; a ceiling on the mean cost raises lambda as far as it must (``Learned.price``).

What is believed of a route starts as its static facts, worth ``PRIOR_WEIGHT`` outcomes, and moves to what was observed
(``streams.core.routes.learning`` keeps the sums). Its chance is the probability that its reward is the best
(``beliefs``). Chance alone is seeded by ids, so the same call in the same state chooses the same route.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from schemas.tables.routes import Arm, Learned
from services.routing.beliefs import Belief, probabilities
from services.routing.choice import Candidate, Choice, Excluded, drawn

PRIOR_WEIGHT = 3.0
PRIOR_VARIANCE = 0.06
_NANO_PER_USD = 1_000_000_000
LATE_MOST = 1.0
#: The debt, in calls at the ceiling, from which on no route above the ceiling is taken.
DEBT_MOST = 5.0


class Weights(Struct, frozen=True, kw_only=True):
    """How much a dollar and lateness weigh against quality: 10 is a tenth of a point for a cent."""

    cost_per_usd: float = 10.0
    lateness: float = 0.5


class Terms(Struct, frozen=True, kw_only=True):
    """What a learned choice depends on besides its candidates. ``ceiling_nano`` bounds the mean cost; 0 does not."""

    known: Learned
    seed: str
    weights: Weights = Weights()
    sla_ms: int | None = None
    ceiling_nano: int = 0


def learned_choice(static: Choice, terms: Terms) -> Choice:
    """Return the choice among the candidates of a static one. A single candidate is taken without chance."""
    ratio = _ratio(terms.known.arms)
    costs = {one.route: _cost(one, terms.known.arms.get(one.route), ratio) for one in static.candidates}
    candidates, over = _affordable(static.candidates, costs, terms)
    beliefs = [_belief(one, costs[one.route], terms) for one in candidates]
    shares = probabilities(beliefs)
    known = tuple(
        structs.replace(one, mean=belief.mean, deviation=belief.deviation, probability=share)
        for one, belief, share in zip(candidates, beliefs, shares, strict=True)
    )
    route = drawn([(one.route, one.probability or 0.0) for one in known], terms.seed)
    return structs.replace(
        static,
        route=route,
        candidates=known,
        excluded=(*static.excluded, *over),
        propensity=next(one.probability or 0.0 for one in known if one.route == route),
        seed=terms.seed,
        learned_from=terms.known.count,
        weights=_weights(terms),
    )


def lateness(latency_ms: float, sla_ms: int | None) -> float:
    """Return how late an answer is, as a share of its target: 0 in time or without one, at most ``LATE_MOST``."""
    return 0.0 if sla_ms is None else min(LATE_MOST, max(0.0, latency_ms / sla_ms - 1))


def reward(score: float, cost_nano: int, late: float, weights: Weights) -> float:
    """Return what an outcome was worth."""
    return score - weights.cost_per_usd * cost_nano / _NANO_PER_USD - weights.lateness * late


def _affordable(
    candidates: Sequence[Candidate], costs: Mapping[str, float], terms: Terms
) -> tuple[Sequence[Candidate], list[Excluded]]:
    """Return the candidates that the ceiling allows, and the others: while it is in debt, those above it."""
    if not terms.ceiling_nano or terms.known.debt < DEBT_MOST:
        return candidates, []
    cheapest = min(candidates, key=lambda one: (costs[one.route], one.route))
    allowed = [one for one in candidates if one is cheapest or costs[one.route] <= terms.ceiling_nano]
    detail = f"{terms.known.debt:.1f} calls' worth was spent above the ceiling"
    over = [one.route for one in candidates if one not in allowed]
    return allowed, [Excluded(route=route, reason="over_ceiling", detail=detail) for route in over]


def _belief(one: Candidate, cost_nano: float, terms: Terms) -> Belief:
    arm, weights = terms.known.arms.get(one.route, Arm()), terms.weights
    total = PRIOR_WEIGHT + arm.weight
    score = (PRIOR_WEIGHT * one.quality + arm.score) / total
    late = (PRIOR_WEIGHT * lateness(one.latency_ms, terms.sla_ms) + arm.late) / total
    mean = score - weights.cost_per_usd * cost_nano / _NANO_PER_USD - weights.lateness * late
    if terms.ceiling_nano:
        mean -= terms.known.price * cost_nano / terms.ceiling_nano
    return Belief(mean, math.sqrt(_variance(arm) / total))


def _variance(arm: Arm) -> float:
    """Return the variance of one score, from the prior's and what was observed."""
    observed = arm.squares - arm.score * arm.score / arm.weight if arm.weight else 0.0
    return (PRIOR_WEIGHT * PRIOR_VARIANCE + max(0.0, observed)) / (PRIOR_WEIGHT + arm.weight)


def _ratio(arms: Mapping[str, Arm]) -> float:
    """Return the ratio of calls' costs to their estimates, which are upper bounds."""
    estimated = sum(arm.estimated for arm in arms.values())
    return sum(arm.cost for arm in arms.values()) / estimated if estimated else 1.0


def _cost(one: Candidate, arm: Arm | None, ratio: float) -> float:
    """Return what this call is expected to cost there, in nano-dollars: its estimate, corrected by earlier calls."""
    if arm is None or not one.cost_nano:
        return one.cost_nano * ratio
    prior = PRIOR_WEIGHT * one.cost_nano
    return one.cost_nano * (prior * ratio + arm.cost) / (prior + arm.estimated)


def _weights(terms: Terms) -> dict[str, float]:
    weights = {"cost_per_usd": terms.weights.cost_per_usd, "lateness": terms.weights.lateness}
    return weights | ({"price": terms.known.price, "debt": terms.known.debt} if terms.ceiling_nano else {})
