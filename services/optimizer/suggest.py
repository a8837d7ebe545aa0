"""All rules over all groups."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from services.caching.policy import Ttls
from services.optimizer.facts import Group
from services.optimizer.rules.batches import calls_by_batch
from services.optimizer.rules.hours import cheaper_hours
from services.optimizer.rules.max_tokens import Estimates, long_limits
from services.optimizer.rules.models import Costs, cheaper_models
from services.optimizer.rules.prompt_caches import kept_beginnings
from services.optimizer.rules.repeats import repeated_requests
from services.optimizer.saving import LEAST_CALLS
from services.optimizer.suggestion import Suggestion
from services.routing.models import Model


class Prices(Costs, Estimates, Protocol):
    """What calls cost, and what they can cost at most."""


def suggest(groups: Iterable[Group], models: Sequence[Model], prices: Prices, ttls: Ttls) -> list[Suggestion]:
    """Return what pays, the largest saving first; each as if it were the only change.

    Fewer than ``LEAST_CALLS`` calls suggest nothing.
    """
    found = [
        one
        for group in groups
        if len(group.calls) >= LEAST_CALLS
        for one in _all_of(group, models, prices, ttls)
        if one.pays or one.freed_nano > 0
    ]
    return sorted(found, key=lambda one: (-one.saving.amount_nano, -one.freed_nano, one.id))


def _all_of(group: Group, models: Sequence[Model], prices: Prices, ttls: Ttls) -> Iterator[Suggestion]:
    yield from repeated_requests(group, ttls[group.node.policy.quality] * 1000)
    yield from cheaper_models(group, models, prices)
    yield from long_limits(group, prices)
    yield from cheaper_hours(group, prices)
    yield from calls_by_batch(group, prices)
    yield from kept_beginnings(group, prices)
