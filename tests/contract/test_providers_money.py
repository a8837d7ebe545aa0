"""A whole call over each wire: what is booked when an answer is not as it should be."""

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import Override, PriceBook
from schemas.errors import StepError
from schemas.records.base import Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.spans import Span
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.routing.router import Pin
from tests.support.calls import Calls, call
from tests.support.wire_fixtures import PROVIDERS, fixture, provider_at
from tests.support.wire_server import Reply, wire_server
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS
from topics.codec import decode, encode

#: Where each wire counts input and output.
COUNTS = {
    "openai": (("usage", "prompt_tokens"), ("usage", "completion_tokens")),
    "responses": (("usage", "input_tokens"), ("usage", "output_tokens")),
    "compatible": (("usage", "prompt_tokens"), ("usage", "completion_tokens")),
    "anthropic": (("usage", "input_tokens"), ("usage", "output_tokens")),
    "google": (("usageMetadata", "promptTokenCount"), ("usageMetadata", "candidatesTokenCount")),
    "cohere": (("usage", "billed_units", "input_tokens"), ("usage", "billed_units", "output_tokens")),
}
#: 3 and 15 nano-dollars a token, for every provider.
PRICES = PriceBook(
    [
        Override(
            provider="openai" if name == "responses" else name,
            model="m",
            version="v",
            input_usd_per_mtok="0.003",
            output_usd_per_mtok="0.015",
            context_tokens=1_000_000,
        )
        for name in PROVIDERS
    ]
)
PROMPT = "Say x"
MOST = 100


@dataclass
class Booked:
    """What a call left behind."""

    cost: CostEvent
    record: ProviderCall
    span: Span
    error: StepError | None


async def booked(directory: Path, provider: str, reply: Reply) -> Booked:
    """Make a call with an upper bound that its hold has, and return what is booked of it."""
    name = "openai" if provider == "responses" else provider
    calls, ledger, error = Calls(directory, prices=PRICES), Ledger(), None
    async with wire_server(provider, reply) as server:
        client = provider_at(provider, server.url)
        ports = replace(calls.ports(), providers={name: client})
        made = call(ledger, pinned=Pin(provider=name, model="m"), max_tokens=MOST, idempotency_key="key-1")
        try:
            await compose(call_stages(ports))(made)
        except StepError as exc:
            error = exc
        await client.close()
    (cost,), (record,), (span,) = ledger.costs, ledger.calls, ledger.spans
    assert decode(COST_EVENTS, encode(cost)) == cost
    assert decode(PROVIDER_CALLS, encode(record)) == record
    assert cost.amount_nano <= calls.started[0].amount_nano, "over the hold"
    return Booked(cost, record, span, error)


def counted(provider: str, input_tokens: Any, output_tokens: Any) -> Any:
    """Return the plain answer of a wire with these counts."""
    answer = copy.deepcopy(fixture(provider, "plain")["received"])
    if provider == "google":
        answer["usageMetadata"] = {}
    for path, value in zip(COUNTS[provider], (input_tokens, output_tokens), strict=True):
        place = answer
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
    return answer


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_is_booked_as_counted(tmp_path: Path, provider: str) -> None:
    found = await booked(tmp_path, provider, Reply(counted(provider, 10, 5)))
    assert (found.cost.kind, found.cost.amount_nano, found.error) == ("actual", 10 * 3 + 5 * 15, None)
    assert found.cost.usage == found.record.usage == Usage(input_tokens=10, output_tokens=5)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("counts", "notes"),
    [
        ((10**15, 5), ["input_tokens:impossible"]),
        ((10**400, 5), ["input_tokens:not_given"]),
        ((-7, 5), ["input_tokens:not_given"]),
        (("10", 5), ["input_tokens:not_given"]),
        ((10, 4_294_967_295), ["output_tokens:impossible"]),
        ((10, -1), ["output_tokens:not_given"]),
    ],
)
async def test_counts_that_cannot_be_are_booked_by_the_bounds_and_flagged(
    tmp_path: Path, provider: str, counts: tuple[Any, Any], notes: list[str]
) -> None:
    found = await booked(tmp_path, provider, Reply(counted(provider, *counts)))
    usage = found.cost.usage
    assert found.record.notes == notes == found.span.attributes["agentflow.call.notes"]
    if "input" in notes[0]:
        assert (len(PROMPT) <= usage.input_tokens < 100, usage.output_tokens) == (True, 5)
    else:
        assert (usage.input_tokens, len("Paris.") <= usage.output_tokens <= MOST) == (10, True)
    assert found.cost.amount_nano == usage.input_tokens * 3 + usage.output_tokens * 15
    assert found.error is None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_date_that_no_clock_reaches_costs_nothing(tmp_path: Path, provider: str) -> None:
    reply = Reply({}, 429, {"Retry-After": "Fri, 01 Jan 99999999999999999999 00:00:00 GMT"})
    found = await booked(tmp_path, provider, reply)
    assert found.error is not None
    assert (found.error.code, found.error.retry_after_ms) == ("rate_limited", None)
    assert (found.cost.kind, found.cost.amount_nano, found.record.outcome) == ("actual", 0, "rate_limited")


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "no_text"),
        ("compatible", "no_text"),
        ("anthropic", "no_text"),
        ("anthropic", "refusal"),
        ("google", "thoughts_only"),
        ("google", "blocked_prompt"),
        ("responses", "thoughts_only"),
        ("cohere", "failed_inside"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_booked_as_counted(tmp_path: Path, provider: str, name: str) -> None:
    case = fixture(provider, name)
    found = await booked(tmp_path, provider, Reply(case["received"]))
    usage = Usage(**case["expected"]["usage"])
    assert found.error is not None
    assert found.error.code == found.record.error_code == case["expected"]["problem"]
    assert (found.cost.kind, found.cost.usage) == ("actual", usage)
    assert found.cost.amount_nano == usage.input_tokens * 3 + usage.output_tokens * 15
    assert found.record.response is not None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_half_an_emoji_is_paid_and_noted_and_fails_nothing(tmp_path: Path, provider: str) -> None:
    body = json.dumps(counted(provider, 10, 5)).replace('"Paris', r'"Par\ud83d')
    found = await booked(tmp_path, provider, Reply(body))
    assert (found.error, found.cost.amount_nano) == (None, 10 * 3 + 5 * 15)
    assert found.record.notes == ["text:not_unicode"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_success_without_an_answer_is_presumed(tmp_path: Path, provider: str) -> None:
    found = await booked(tmp_path, provider, Reply("{}"))
    assert found.error is not None
    assert (found.error.code, found.cost.kind, found.record.outcome) == ("provider_error", "presumed", "unknown")
    assert found.cost.amount_nano > MOST * 15
