"""What a router is told of a call with a policy, and what is recorded of its choice when the call has an outcome."""

from connectors.providers.request_text import request_text
from schemas.records.money import ProviderCall
from schemas.records.routes import RouteOutcome
from services.calls.call import Call
from services.routing.choice import Choice
from services.routing.router import Bars, Wanted
from services.routing.scoring import Need

#: Bytes of text that make a token, about. A route is ranked by it; money is held for the bound.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_PICTURE = 1_000

#: Failures that speak against a route. A request that was wrong, or a limit that we ran into, does not.
FAULTS = frozenset({"provider_unavailable", "provider_error", "provider_timeout", "timeout"})


def prompt_of(call: Call) -> str:
    """Return the name of the prompt, by which routes are learned and measured; empty of a call without one."""
    template = call.content.template
    return template.name if template is not None else ""


def wanted_of(call: Call, bar: Bars | None = None) -> Wanted | None:
    """Return what the call asks of its route; ``None`` when it is pinned or has no policy."""
    content = call.content
    wish = content.wish
    if wish is None or content.pinned.provider is not None or content.pinned.model is not None:
        return None
    text = request_text(content.request("", "", 0))
    tokens = len(text.encode()) // _BYTES_PER_TOKEN + _TOKENS_PER_PICTURE * len(content.pictures)
    return Wanted(
        org_id=call.org_id,
        prompt=prompt_of(call),
        need=Need(
            by=wish.by,
            tier=call.tier,
            tokens=tokens + content.max_tokens,
            sla_ms=call.sla_ms,
            tools=bool(content.tools),
            images=bool(content.pictures),
            json_schema=content.output_schema is not None,
            data_class=call.data_class,
            node=tuple(wish.models),
        ),
        seed=call.origin.request_id,
        input_tokens=tokens,
        max_tokens=content.max_tokens,
        ceiling_nano=wish.ceiling_nano,
        cap_nano=call.cap_nano,
        most_input_tokens=tokens * _BYTES_PER_TOKEN,
        bar=bar,
    )


def outcome_of(call: Call) -> ProviderCall | None:
    """Return the request that the call led to, if its outcome says something of the route."""
    made = next((one for one in call.ledger.calls if one.call_id == call.call_id and not one.cached), None)
    return made if made is not None and (made.outcome == "ok" or made.error_code in FAULTS) else None


def learn(call: Call, choice: Choice, made: ProviderCall, decision_id: str) -> None:
    """Book the outcome of one try to learn from, if the choice learns."""
    if choice.by == "learn":
        call.ledger.routes.append(_outcome(call, choice, made, decision_id))


def _outcome(call: Call, choice: Choice, made: ProviderCall, decision_id: str) -> RouteOutcome:
    route = f"{call.route.provider}/{call.route.model}"
    tried = next(one for one in choice.candidates if one.route == route)
    wish, origin = call.content.wish, call.origin
    chosen = call.trial.number == 0
    return RouteOutcome(
        org_id=call.org_id,
        prompt=prompt_of(call),
        tier=call.tier,
        decision_id=decision_id,
        run_id=origin.run_id,
        step_id=origin.step_id,
        call_id=call.call_id,
        route=route,
        propensity=choice.propensity if chosen else 1.0,
        shares={one.route: one.probability for one in choice.candidates if one.probability is not None},
        terms=_terms(choice) if chosen else {},
        outcome=made.outcome,
        score=tried.quality if made.outcome == "ok" else 0.0,
        cost_nano=made.cost_nano,
        estimate_nano=tried.cost_nano,
        ceiling_nano=wish.ceiling_nano if wish is not None else 0,
        latency_ms=made.latency_ms,
        sla_ms=call.sla_ms,
        policy=choice.policy,
        models=choice.models,
        learned_from=choice.learned_from,
        decided_at_ms=made.started_at_ms,
        fallback=not chosen,
    )


def _terms(choice: Choice) -> dict[str, list[float]]:
    return {one.route: [one.parts[name] for name in sorted(one.parts)] for one in choice.candidates}
