"""The static score of routes: which models can take a call, and which of them the policy prefers.

A candidate's score is a weighted sum of four terms, each 0 to 1:

    quality      its quality
    cost         the cheapest candidate's cost divided by its own
    latency      with ``sla_ms`` that divided by its latency, at most 1; without, the fastest one's divided by its own
    reliability  the share of its recent calls that did not fail at the provider

``WEIGHTS`` has the weights of each policy; ``POLICY_VERSION`` names this file's rules in records.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from schemas.errors import StepError
from schemas.spec.policy import RouteBy, Tier
from services.routing.choice import Candidate, Choice, Excluded, Reason, weighed
from services.routing.data_classes import matches
from services.routing.models import Model

POLICY_VERSION = "1"

LEAST_QUALITY: Mapping[Tier, float] = {"gold": 0.8, "silver": 0.6, "bronze": 0.4}

#: ``learn`` starts from the balanced score, see ``services.routing.bandit``.
WEIGHTS: Mapping[RouteBy, dict[str, float]] = {
    "cheapest": {"cost": 0.85, "latency": 0.05, "quality": 0.05, "reliability": 0.05},
    "fastest": {"cost": 0.05, "latency": 0.85, "quality": 0.05, "reliability": 0.05},
    "best": {"cost": 0.02, "latency": 0.02, "quality": 0.92, "reliability": 0.04},
    "balanced": {"cost": 0.25, "latency": 0.2, "quality": 0.4, "reliability": 0.15},
    "learn": {"cost": 0.25, "latency": 0.2, "quality": 0.4, "reliability": 0.15},
}

#: The names of a score's parts, in the order in which ``RouteOutcome.terms`` has their values.
TERMS = ("cost", "latency", "quality", "reliability")

#: A route that is left out for one of these may be back in a moment.
_PASSING: frozenset[Reason] = frozenset({"unhealthy"})


class Need(Struct, frozen=True, kw_only=True):
    """What a call needs of its route. ``tokens`` are those of its input, about, and of the longest answer.

    ``organisation`` and ``node`` are the patterns of ``provider/model`` that each is limited to; none is no limit.
    """

    by: RouteBy
    tier: Tier
    tokens: int = 0
    sla_ms: int | None = None
    tools: bool = False
    images: bool = False
    json_schema: bool = False
    data_class: str = ""
    organisation: tuple[str, ...] = ()
    node: tuple[str, ...] = ()


class Seen(Struct, frozen=True):
    """What was observed of a route lately: its latency in ms, and the share of calls that did not fail."""

    latency_ms: float
    reliability: float = 1.0


class Conditions(Struct, frozen=True, kw_only=True):
    """The state of the world at a choice, by route.

    ``costs_nano`` is what the call costs at most, without those that have no price. ``unhealthy`` and ``full`` say why
    a route is not tried now: its breaker is open, its provider's quota is used up. ``barred`` says why the call's data
    may not go there, ``dear`` why what is left of the run's budget may not pay for it.
    """

    providers: frozenset[str]
    costs_nano: Mapping[str, int]
    unhealthy: Mapping[str, str] = {}
    full: Mapping[str, str] = {}
    seen: Mapping[str, Seen] = {}
    barred: Mapping[str, str] = {}
    dear: Mapping[str, str] = {}


def choose(models: Sequence[Model], version: str, need: Need, now: Conditions) -> Choice:
    """Return the choice with the highest score; the first by name among equals. Raises ``StepError`` ``no_route``."""
    candidates, excluded = assessed(models, need, now)
    if not candidates:
        raise no_route(need, excluded)
    return Choice(
        by=need.by,
        tier=need.tier,
        policy=POLICY_VERSION,
        models=version,
        route=candidates[0].route,
        weights=WEIGHTS[need.by],
        candidates=candidates,
        excluded=excluded,
    )


def assessed(
    models: Sequence[Model], need: Need, now: Conditions
) -> tuple[tuple[Candidate, ...], tuple[Excluded, ...]]:
    """Return the candidates, best score first, and the models that are none."""
    excluded = [found for model in models if (found := _excluded(model, need, now)) is not None]
    out = {one.route for one in excluded}
    able = [model for model in models if model.route not in out]
    # What all of them lack excludes none: the call waits for a quota in its turn, and a budget refuses it by itself.
    able, excluded = _without(able, excluded, now.dear, "over_budget")
    able, excluded = _without(able, excluded, now.full, "quota")
    late = [model for model in able if _is_late(model, need, now)]
    # A target that nobody reaches excludes nobody: it steers, and is counted when it is missed.
    if len(late) < len(able):
        able = [model for model in able if model not in late]
        excluded += [_too_slow(model, need, now) for model in late]
    scored = _scored(able, need, now)
    return tuple(sorted(scored, key=lambda one: (-one.score, one.route))), tuple(excluded)


def _without(
    able: list[Model], excluded: list[Excluded], why: Mapping[str, str], reason: Reason
) -> tuple[list[Model], list[Excluded]]:
    """Return the models that are not named, unless all of them are, and the excluded ones."""
    out = [model for model in able if model.route in why]
    if len(out) == len(able):
        return able, excluded
    named = [Excluded(route=model.route, reason=reason, detail=why[model.route]) for model in out]
    return [model for model in able if model not in out], excluded + named


def no_route(need: Need, excluded: Iterable[Excluded]) -> StepError:
    """Return the error of a call that no model can take. It is worth a retry if a route may be back soon."""
    left_out = tuple(excluded)
    reasons = {one.route: f"{one.reason} ({one.detail})" if one.detail else one.reason for one in left_out}
    shown = "; ".join(f"{route}: {reason}" for route, reason in list(reasons.items())[:10])
    return StepError(
        "no_route",
        f"no model can take this call of quality {need.tier}: {shown or 'no model is known'}; allow more models "
        "(policy.route.models), lower policy.quality, or configure another provider",
        retryable=any(one.reason in _PASSING for one in left_out),
        details=reasons,
    )


def _excluded(model: Model, need: Need, now: Conditions) -> Excluded | None:
    found = _unfit(model, need) or _unavailable(model, now)
    return None if found is None else Excluded(route=model.route, reason=found[0], detail=found[1])


def _unfit(model: Model, need: Need) -> tuple[Reason, str] | None:
    least = LEAST_QUALITY[need.tier]
    if model.quality < least:
        return "tier", f"quality {model.quality:g} is under {least:g}"
    if not matches(model.route, need.organisation):
        return "organisation", "not in the organisation's list"
    if not matches(model.route, need.node):
        return "node", "not in policy.route.models"
    if need.tools and not model.tools:
        return "tools", "cannot call tools"
    if need.images and not model.images:
        return "images", "cannot see images"
    if need.json_schema and not model.json_schema:
        return "json_schema", "cannot answer by a JSON schema"
    if need.tokens > model.context_tokens:
        return "context", f"about {need.tokens} tokens, it takes {model.context_tokens}"
    return None


def _unavailable(model: Model, now: Conditions) -> tuple[Reason, str] | None:
    route = model.route
    if route in now.barred:
        return "data_class", now.barred[route]
    if model.provider not in now.providers:
        return "no_provider", "its provider is not configured here"
    if route not in now.costs_nano:
        return "unpriced", "it has no price; see PRICES_FILE"
    if route in now.unhealthy:
        return "unhealthy", now.unhealthy[route]
    return None


def _is_late(model: Model, need: Need, now: Conditions) -> bool:
    """Return whether a model was measured to take longer than the target. What is assumed of it excludes nobody."""
    seen = now.seen.get(model.route)
    return need.sla_ms is not None and seen is not None and seen.latency_ms > need.sla_ms


def _too_slow(model: Model, need: Need, now: Conditions) -> Excluded:
    detail = f"takes {_seen(model, now).latency_ms:.0f} ms, sla_ms is {need.sla_ms}"
    return Excluded(route=model.route, reason="too_slow", detail=detail)


def _seen(model: Model, now: Conditions) -> Seen:
    return now.seen.get(model.route) or Seen(model.latency_ms)


def _scored(models: Sequence[Model], need: Need, now: Conditions) -> list[Candidate]:
    if not models:
        return []
    cheapest = min(now.costs_nano[model.route] for model in models)
    target_ms = need.sla_ms or min(_seen(model, now).latency_ms for model in models)
    found = [_candidate(model, now, cheapest, target_ms) for model in models]
    return [structs.replace(one, score=weighed(one.parts, WEIGHTS[need.by])) for one in found]


def _candidate(model: Model, now: Conditions, cheapest_nano: int, target_ms: float) -> Candidate:
    seen, cost_nano = _seen(model, now), now.costs_nano[model.route]
    parts = {
        "quality": model.quality,
        "cost": cheapest_nano / cost_nano if cost_nano else 1.0,
        "latency": min(1.0, target_ms / seen.latency_ms) if seen.latency_ms else 1.0,
        "reliability": seen.reliability,
    }
    return Candidate(
        route=model.route,
        quality=model.quality,
        cost_nano=cost_nano,
        latency_ms=seen.latency_ms,
        reliability=seen.reliability,
        parts=parts,
        score=0.0,
        context_tokens=model.context_tokens,
    )
