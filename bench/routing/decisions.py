"""Random decisions of all policies, read again from their records: do the stated reasons lead to the choice?"""

import random
from collections.abc import Mapping

import msgspec

from schemas.errors import StepError
from schemas.spec.policy import TIERS, RouteBy
from schemas.tables.routes import Arm, Learned
from services.routing.bandit import Terms, learned_choice
from services.routing.choice import Choice, recomputed, weighed
from services.routing.models import Model
from services.routing.scoring import WEIGHTS, Conditions, Need, Seen, assessed, choose

DECISIONS = 200
_RECORD = msgspec.json.Decoder(Choice)
_PROVIDERS = ("a", "b", "c", "d")


def recomputed_share(decisions: int = DECISIONS, seed: int = 1) -> float:
    """Return the share of random decisions whose record leads to the route and names a reason for all other models."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    done, good = 0, 0
    while done < decisions:
        models, need, now = _world(rng)
        try:
            choice = _choice(rng, models, need, now)
        except StepError:
            continue
        done += 1
        good += _holds(_RECORD.decode(msgspec.json.encode(choice)), models, need, now)
    return good / decisions


def _holds(choice: Choice, models: list[Model], need: Need, now: Conditions) -> bool:
    named = {one.route for one in choice.candidates} | {one.route for one in choice.excluded}
    excluded = {one.route: one.reason for one in assessed(models, need, now)[1]}
    stated = {one.route: one.reason for one in choice.excluded if one.reason != "over_ceiling"}
    scores_hold = all(weighed(one.parts, WEIGHTS[choice.by]) == one.score for one in choice.candidates)
    return (
        recomputed(choice) == choice.route and named == {m.route for m in models} and stated == excluded and scores_hold
    )


def _choice(rng: random.Random, models: list[Model], need: Need, now: Conditions) -> Choice:
    static = choose(models, "random", need, now)
    if need.by != "learn":
        return static
    arms = {model.route: _arm(rng) for model in models if rng.random() < 0.7}
    known = Learned(count=100, price=rng.random(), debt=rng.uniform(-20, 10), arms=arms)
    ceiling_nano = rng.choice([0, rng.randrange(1, 10**7)])
    return learned_choice(static, Terms(known=known, seed=str(rng.random()), ceiling_nano=ceiling_nano))


def _world(rng: random.Random) -> tuple[list[Model], Need, Conditions]:
    models = [_model(rng, number) for number in range(rng.randrange(1, 12))]
    routes = [model.route for model in models]
    need = Need(
        by=rng.choice(list(_BY)),
        tier=rng.choice(TIERS),
        tokens=rng.randrange(20_000),
        sla_ms=rng.choice([None, rng.randrange(100, 10_000)]),
        tools=rng.random() < 0.3,
        images=rng.random() < 0.3,
        json_schema=rng.random() < 0.3,
        node=rng.choice([(), ("a/*", "b/*", "c/*")]),
    )
    now = Conditions(
        providers=frozenset(rng.sample(_PROVIDERS, 3)),
        costs_nano={route: rng.randrange(10**7) for route in routes if rng.random() < 0.9},
        unhealthy=_some(rng, routes),
        full=_some(rng, routes),
        barred=_some(rng, routes),
        dear=_some(rng, routes),
        seen={route: Seen(rng.uniform(50, 20_000), rng.random()) for route in routes if rng.random() < 0.6},
    )
    return models, need, now


def _model(rng: random.Random, number: int) -> Model:
    return Model(
        provider=rng.choice(_PROVIDERS),
        model=f"m{number}",
        quality=round(rng.uniform(0.3, 1.0), 2),
        source="drawn at random",
        context_tokens=rng.randrange(5_000, 50_000),
        latency_ms=rng.uniform(100, 10_000),
        tools=rng.random() < 0.8,
        images=rng.random() < 0.8,
        json_schema=rng.random() < 0.8,
    )


def _arm(rng: random.Random) -> Arm:
    weight, quality = rng.uniform(1, 200), rng.random()
    return Arm(weight, weight * quality, weight * quality * quality, weight * rng.randrange(10**6), weight * 10**6)


def _some(rng: random.Random, routes: list[str]) -> Mapping[str, str]:
    return {route: "drawn" for route in routes if rng.random() < 0.1}


_BY: tuple[RouteBy, ...] = tuple(WEIGHTS)
