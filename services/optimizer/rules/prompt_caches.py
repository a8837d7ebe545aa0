"""Rule ``trim`` by prompt caching: a provider reads the same beginning again and again, and keeps it only when asked.

It is Anthropic's: the other providers keep beginnings by themselves. The beginning is the system text and the tools,
as they were recorded. Its tokens are its share of the request's bytes. The rule plays the provider's cache over the
calls: an entry lives for its time from each use; its writing costs more than plain input, and its reading a tenth.
"""

from collections.abc import Iterator, Sequence

from msgspec import structs

from connectors.clickhouse.call_facts import CallFact
from schemas.errors import StepError
from schemas.spec.policy import PromptCache
from services.optimizer.facts import Group
from services.optimizer.rules.models import HOUR_MS, Costs, hour_of
from services.optimizer.saving import Saving, saving
from services.optimizer.suggestion import Suggestion, evidence

_PROVIDER = "anthropic"
#: How long each kind of entry lives.
_LIVES_MS: dict[PromptCache, int] = {"5m": 300_000, "1h": HOUR_MS}
#: The service keeps no shorter beginning: 1,024 tokens of a Sonnet, up to 4,096 of others.
LEAST_TOKENS, LEAST_OF_SONNET = 4_096, 1_024


def kept_beginnings(group: Group, prices: Costs) -> Iterator[Suggestion]:
    """Yield the suggestion to mark the prompt's beginning, for the time that saves more."""
    place, policy = group.place, group.node.policy
    if place.provider != _PROVIDER or policy.prompt_cache != "never":
        return
    least = LEAST_OF_SONNET if "sonnet" in place.model else LEAST_TOKENS
    paid = [call for call in group.calls if not call.cached]
    marked = sum(_beginning(call) >= least for call in paid)
    if not marked:
        return
    try:
        found = [(ttl, saving(_savings(group, paid, ttl, least, prices))) for ttl in _LIVES_MS]
    except StepError:
        return
    ttl, saved = max(found, key=lambda one: one[1].amount_nano)
    yield _suggestion(group, ttl, saved, marked)


def _suggestion(group: Group, ttl: PromptCache, saved: Saving, marked: int) -> Suggestion:
    place = group.place
    return Suggestion(
        kind="trim",
        place=place,
        title=f"let {place.provider} keep the beginning of node {place.node_id}'s prompts for {ttl}",
        change={"policy": {"prompt_cache": ttl}},
        saving=saved,
        cost_nano=group.cost_nano,
        risk="low",
        because="the answers are the same; a beginning that is not read again in that time costs more than today",
        evidence=evidence(group, beginnings=len({call.prefix for call in group.calls if call.prefix}), marked=marked),
    )


def _savings(
    group: Group, paid: Sequence[CallFact], ttl: PromptCache, least: int, prices: Costs
) -> Iterator[tuple[str, int]]:
    """Yield what each call would have cost less, by run; a writing costs more."""
    until: dict[int, int] = {}
    place, lives_ms = group.place, _LIVES_MS[ttl]
    for call in paid:
        tokens = _beginning(call)
        if tokens < least:
            continue
        if call.at_ms < until.get(call.prefix, 0):
            usage = structs.replace(call.usage, cache_read_tokens=tokens)
        else:
            long = tokens if ttl == "1h" else 0
            usage = structs.replace(call.usage, cache_write_tokens=tokens, cache_write_1h_tokens=long)
        until[call.prefix] = call.at_ms + lives_ms
        yield call.run_id, call.cost_nano - prices.cost(place.provider, place.model, usage, hour_of(call))


def _beginning(call: CallFact) -> int:
    """Return the tokens of a call's beginning, about; 0 where it is not known, or is kept already."""
    if not call.prefix or call.usage.cache_read_tokens or call.usage.cache_write_tokens:
        return 0
    return int(call.usage.input_tokens * min(call.prefix_share, 1.0))
