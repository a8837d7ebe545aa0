"""Every kind of usage: equal to the library's own calculation for all its models, and never over the estimate."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider

from connectors.prices.book import PriceBook
from connectors.prices.listed import LIST_VERSION, Price, bands_of
from connectors.prices.rates import AUDIO_INPUT, IMAGE_INPUT, PART_OF, VIDEO_INPUT, rates_of
from schemas.records.base import USAGE_KINDS, Usage

BOOK = PriceBook([])
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT_MS = int(WHEN.timestamp() * 1000)
USAGES_OF_EACH = 4
#: The library's names of our kinds, where they differ.
NAMES = {
    "reasoning_tokens": "output_reasoning_tokens",
    "citation_tokens": "output_citation_tokens",
    "tool_tokens": "input_tool_tokens",
}


def priced_models() -> Iterator[tuple[Provider, ModelInfo, Price]]:
    for provider in get_snapshot().providers:
        for model in provider.models:
            if bands := bands_of(model.get_prices(WHEN)):
                yield provider, model, Price(LIST_VERSION, bands)


def random_usage(chance: random.Random, *, searches: bool = True) -> Usage:
    """Return a usage whose parts fit into their wholes, in all kinds that are priced, over all tiers."""

    def part(whole: int) -> int:
        return chance.choice((0, whole, chance.randint(0, whole)))

    read = chance.choice((0, 1, 1_000, 128_001, 200_000, 200_001, 272_001, chance.randint(0, 1_000_000)))
    cached, rest = (size := part(read)), read - size
    written, rest = (size := part(rest)), rest - size
    tools, rest = (size := part(rest)), rest - size
    heard_anew, rest = (size := part(rest)), rest - size
    seen_anew, rest = (size := part(rest)), rest - size
    heard_cached = part(cached)
    seen_cached = part(cached - heard_cached)
    made = chance.choice((0, 1, chance.randint(0, 100_000)))
    reasoned, left = (size := part(made)), made - size
    spoken, left = (size := part(left)), left - size
    drawn, left = (size := part(left)), left - size
    return Usage(
        input_tokens=read,
        output_tokens=made,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=part(written),
        tool_tokens=tools,
        input_audio_tokens=heard_anew + heard_cached,
        cache_audio_read_tokens=heard_cached,
        input_image_tokens=seen_anew + seen_cached,
        cache_image_read_tokens=seen_cached,
        input_video_tokens=part(rest),
        reasoning_tokens=reasoned,
        output_audio_tokens=spoken,
        output_image_tokens=drawn,
        output_video_tokens=(filmed := part(left)),
        citation_tokens=part(left - filmed),
        web_searches=part(20) if searches else 0,
        storage_searches=part(20) if searches else 0,
    )


def listed(usage: Usage) -> ListedUsage:
    counts = {NAMES.get(kind, kind): getattr(usage, kind) for kind in USAGE_KINDS if kind != "billed_units"}
    return ListedUsage(**counts)


def test_cost_equals_the_library_for_random_usages_of_all_its_models_with_token_prices() -> None:
    chance, models = random.Random(12), list(priced_models())
    assert len(models) > 2_000
    for provider, model, price in models:
        for _ in range(USAGES_OF_EACH):
            usage = random_usage(chance)
            exact = model.calc_price(listed(usage), provider, genai_request_timestamp=WHEN).total_price
            nano = (exact * 10**9).quantize(Decimal(1), ROUND_HALF_UP)
            assert price.of(usage) == nano, (provider.id, model.id, usage)


def test_an_estimate_is_never_below_the_cost_of_any_kinds_under_max_tokens() -> None:
    chance = random.Random(13)
    for provider, model, price in priced_models():
        for _ in range(USAGES_OF_EACH):
            usage = random_usage(chance, searches=False)
            given = usage.input_tokens + chance.choice((0, 1, 300_000))
            assert price.most(given, usage.output_tokens) >= price.of(usage), (provider.id, model.id, usage)


def test_an_estimate_leaves_out_the_kinds_that_a_request_cannot_lead_to() -> None:
    # gemini-2.5-flash: 0.30 USD per million tokens of text, 1.00 of audio, 2.50 out.
    text_only = BOOK.estimate("google", "gemini-2.5-flash", 1_000, 0, AT_MS, AUDIO_INPUT | VIDEO_INPUT | IMAGE_INPUT)
    assert (text_only, BOOK.estimate("google", "gemini-2.5-flash", 1_000, 0, AT_MS)) == (300_000, 1_000_000)


@pytest.mark.parametrize(
    ("model", "usage", "nano"),
    [
        # gpt-4o: 2.50 in, 1.25 cached, 10 out. 10,000 x 2,500 + 90,000 x 1,250 + 1,000 x 10,000.
        ("gpt-4o", Usage(input_tokens=100_000, output_tokens=1_000, cache_read_tokens=90_000), 147_500_000),
        # Reasoning is part of the output, and has no price of its own here.
        ("gpt-4o", Usage(input_tokens=10, output_tokens=1_000, reasoning_tokens=900), 10_025_000),
    ],
)
def test_cached_tokens_of_openai_cost_their_own_price(model: str, usage: Usage, nano: int) -> None:
    assert BOOK.cost("openai", model, usage, AT_MS) == nano


def test_cache_writes_of_anthropic_cost_more_by_how_long_they_last() -> None:
    # claude-sonnet-4-5: 3 in, 0.30 read, 3.75 written for 5 minutes, 6 for an hour.
    usage = Usage(
        input_tokens=10_000,
        output_tokens=100,
        cache_read_tokens=4_000,
        cache_write_tokens=5_000,
        cache_write_1h_tokens=2_000,
    )
    plain, read, written, kept, out = 1_000 * 3_000, 4_000 * 300, 3_000 * 3_750, 2_000 * 6_000, 100 * 15_000
    assert BOOK.cost("anthropic", "claude-sonnet-4-5", usage, AT_MS) == plain + read + written + kept + out


def test_a_hold_covers_a_prompt_that_is_written_to_the_cache_as_a_whole() -> None:
    written = Usage(input_tokens=100_000, output_tokens=10, cache_write_tokens=100_000)
    cost = BOOK.cost("anthropic", "claude-sonnet-4-5", written, AT_MS)
    assert BOOK.estimate("anthropic", "claude-sonnet-4-5", 100_000, 10, AT_MS) >= cost
    assert cost == 100_000 * 3_750 + 10 * 15_000


@pytest.mark.parametrize(
    ("provider", "model", "served", "nano"),
    [
        # gpt-4o: 2.50 and 10; priority 4.25 and 17; what it has no price for is at the standard one.
        ("openai", "gpt-4o", (), 100 * 2_500 + 10 * 10_000),
        ("openai", "gpt-4o", (("service_tier", "priority"),), 100 * 4_250 + 10 * 17_000),
        ("openai", "gpt-4o", (("service_tier", "of another time"),), 100 * 2_500 + 10 * 10_000),
        # gpt-5: flex is half of 1.25 and 10.
        ("openai", "gpt-5", (("service_tier", "flex"),), 100 * 625 + 10 * 5_000),
        # claude-opus-4-8: 5 and 25; in one region 1.1 times; fast 10 and 50.
        ("anthropic", "claude-opus-4-8", (("inference_geo", "us"),), (100 * 5_000 + 10 * 25_000) * 11 // 10),
        ("anthropic", "claude-opus-4-8", (("speed", "fast"),), 100 * 10_000 + 10 * 50_000),
    ],
)
def test_the_price_follows_how_a_call_was_served(
    provider: str, model: str, served: tuple[tuple[str, str], ...], nano: int
) -> None:
    assert BOOK.cost(provider, model, Usage(input_tokens=100, output_tokens=10), AT_MS, served) == nano


def test_a_part_without_a_price_costs_what_the_kind_around_it_costs() -> None:
    rates = rates_of({"input_tokens": Fraction(4), "cache_write_tokens": Fraction(5)}, Fraction(0))
    usage = Usage(input_tokens=10, cache_write_tokens=6, cache_write_1h_tokens=6, cache_read_tokens=4)
    assert rates.rounded(usage) == 4 * 4 + 6 * 5


def test_every_kind_of_tokens_is_part_of_input_or_output() -> None:
    tokens = {kind for kind in USAGE_KINDS if kind.endswith("_tokens")}
    assert set(PART_OF) == tokens
    assert all(kind in ("input_tokens", "output_tokens") or len(PART_OF[kind]) > 0 for kind in tokens)
