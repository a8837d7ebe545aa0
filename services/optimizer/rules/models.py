"""Rules ``switch`` and ``downgrade``: another model would have answered the same calls for less.

Both need a known quality of both models, from the table of ``services.routing.models``. A switch keeps the quality; a
downgrade keeps what the node asks for (``policy.quality``), where today's model is better than that. Costs are those
of the same tokens: another model's tokenizer may count others, which the risk says.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from msgspec import structs

from connectors.clickhouse.call_facts import CallFact
from connectors.prices.listed import Served
from schemas.errors import StepError
from schemas.records.base import Usage
from services.optimizer.facts import Group
from services.optimizer.saving import saving
from services.optimizer.suggestion import Kind, Suggestion, evidence
from services.routing.models import Model
from services.routing.scoring import LEAST_QUALITY

#: A quality that is lower by no more than this counts as the same: the table is rounded to 0.01.
SAME_QUALITY = 0.01
#: Calls by which models are compared, at one time; the best one's saving is of all calls at theirs.
SAMPLE = 100
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Costs(Protocol):
    """What calls cost by how they are served, see ``connectors.prices.book``."""

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None, served: Served = ()) -> int:
        """Return nano-dollars. Raises ``StepError`` when there is no price."""
        ...


def cheaper_models(group: Group, models: Sequence[Model], prices: Costs) -> Iterator[Suggestion]:
    """Yield the cheapest switch and the cheapest downgrade. ``models`` are those that the organisation may use."""
    today = next((model for model in models if model.route == group.place.route), None)
    if today is None:
        return
    paid = [call for call in group.calls if not call.cached]
    able = [model for model in models if model.route != today.route and _can(model, group, paid)]
    least = LEAST_QUALITY[group.node.policy.quality]
    equal = [model for model in able if model.quality >= today.quality - SAME_QUALITY]
    lower = [model for model in able if least <= model.quality < today.quality - SAME_QUALITY]
    ways: tuple[tuple[Literal["switch", "downgrade"], list[Model]], ...] = (("switch", equal), ("downgrade", lower))
    for kind, candidates in ways:
        found = _cheapest(candidates, paid, prices)
        if found is not None:
            yield _suggestion(kind, group, today, *found)


def _can(model: Model, group: Group, paid: Sequence[CallFact]) -> bool:
    config = group.config
    if (config.images and not model.images) or (config.output_schema is not None and not model.json_schema):
        return False
    return model.context_tokens >= max((call.usage.input_tokens for call in paid), default=0) + config.max_tokens


def _cheapest(
    candidates: Sequence[Model], paid: Sequence[CallFact], prices: Costs
) -> tuple[Model, list[tuple[str, int]]] | None:
    """Return the model that saves most on a sample of calls, with its saving on each call."""
    if not paid:
        return None
    few = [structs.replace(call, at_ms=paid[-1].at_ms) for call in paid[:: max(len(paid) // SAMPLE, 1)]]
    priced = [(model, each) for model in candidates if (each := _savings(model, few, prices)) is not None]
    if not priced:
        return None
    best, _ = max(priced, key=lambda one: (sum(nano for _, nano in one[1]), one[0].route))
    each = _savings(best, paid, prices)
    return None if each is None else (best, each)


def _savings(model: Model, paid: Sequence[CallFact], prices: Costs) -> list[tuple[str, int]] | None:
    """Return what each call would have cost less, by run; ``None`` for a model without a price."""
    try:
        return [
            (call.run_id, call.cost_nano - prices.cost(model.provider, model.model, _plain(call.usage), hour_of(call)))
            for call in paid
        ]
    except StepError:
        return None


def hour_of(call: CallFact) -> int:
    """Return the hour of a call: to look a list price up takes a quarter of a millisecond for each new minute."""
    return call.at_ms - call.at_ms % HOUR_MS


def _plain(usage: Usage) -> Usage:
    """Return a usage without what the provider's prompt cache did: another provider's would do otherwise."""
    return Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)


def _suggestion(kind: Kind, group: Group, today: Model, model: Model, each: list[tuple[str, int]]) -> Suggestion:
    down = kind == "downgrade"
    reason = f"quality {model.quality:.2f} ({model.source}) after {today.quality:.2f} ({today.source})"
    if down:
        reason += f"; the node asks for {group.node.policy.quality}, {LEAST_QUALITY[group.node.policy.quality]:.2f}"
    return Suggestion(
        kind=kind,
        place=group.place,
        title=f"ask {model.route} in node {group.place.node_id}",
        change={"provider": model.provider, "model": model.model},
        saving=saving(each),
        cost_nano=group.cost_nano,
        risk="high" if down else "medium",
        because=f"{reason}; these are figures of a table and not of your prompts, and another model counts and writes "
        "other tokens, above all one that reasons: compare answers first",
        evidence=evidence(group, quality=model.quality, quality_today=today.quality),
    )
