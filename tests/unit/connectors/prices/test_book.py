"""Prices: exact arithmetic, upper bounds, versions, override files."""

import json
import re
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from pathlib import Path

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.prices.book import LIST_VERSION, PriceBook
from schemas.errors import StepError
from schemas.records.base import Usage

TOKENS = st.integers(0, 1_000_000)
BOOK = PriceBook.load()
AT_MS = int(datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp() * 1000)
LOCAL = {"local-gold": ("3.00", "15.00"), "local-silver": ("0.80", "4.00"), "local-bronze": ("0.10", "0.40")}


def usage(input_tokens: int, output_tokens: int) -> Usage:
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


def write(folder: Path, *entries: dict[str, str]) -> str:
    file = folder / "prices.json"
    file.write_text(json.dumps(entries))
    return str(file)


def entry(model: str, input_usd: str, output_usd: str, provider: str = "acme") -> dict[str, str]:
    return {
        "provider": provider,
        "model": model,
        "version": "acme-7",
        "input_usd_per_mtok": input_usd,
        "output_usd_per_mtok": output_usd,
    }


@pytest.mark.parametrize(("model", "price"), LOCAL.items())
def test_local_models_cost_their_listed_price(model: str, price: tuple[str, str]) -> None:
    expected = (1_234 * Decimal(price[0]) + 567 * Decimal(price[1])) * 1000
    assert BOOK.cost("local", model, usage(1_234, 567)) == expected
    assert BOOK.version("local", model) == "local-1"


def test_listed_models_cost_what_their_provider_lists() -> None:
    # gpt-4o: 2.50 USD and 10 USD per million tokens.
    assert BOOK.cost("openai", "gpt-4o", usage(1_000, 100), AT_MS) == 1_000 * 2_500 + 100 * 10_000
    assert BOOK.version("openai", "GPT-4o") == LIST_VERSION


def test_a_tier_prices_all_tokens_of_a_long_prompt() -> None:
    # claude-sonnet-4-5: 3 and 15 USD up to 200,000 input tokens, 6 and 22.50 over that.
    assert BOOK.cost("anthropic", "claude-sonnet-4-5", usage(200_000, 10), AT_MS) == 200_000 * 3_000 + 10 * 15_000
    assert BOOK.cost("anthropic", "claude-sonnet-4-5", usage(200_001, 10), AT_MS) == 200_001 * 6_000 + 10 * 22_500


def test_a_price_by_the_hour_follows_the_time_of_the_call() -> None:
    # deepseek-chat is cheap from 16:30 to 00:30 UTC: 0.135 instead of 0.27 USD per million input tokens.
    noon = BOOK.cost("deepseek", "deepseek-chat", usage(1_000_000, 0), AT_MS)
    evening = BOOK.cost("deepseek", "deepseek-chat", usage(1_000_000, 0), AT_MS + 6 * 3_600_000)
    assert (noon, evening) == (270_000_000, 135_000_000)


def test_a_price_per_request_is_added_once() -> None:
    # perplexity sonar: 12 USD a thousand requests, 1 USD per million tokens each way.
    assert BOOK.cost("perplexity", "sonar", usage(10, 10), AT_MS) == 12_000_000 + 20 * 1_000


@given(
    st.sampled_from(
        [
            ("openai", "gpt-4o"),
            ("google", "gemini-2.5-pro"),
            ("deepseek", "deepseek-chat"),
            ("perplexity", "sonar"),
        ]
    ),
    TOKENS,
    TOKENS,
)
def test_cost_equals_the_library_rounded_once(route: tuple[str, str], tokens_in: int, tokens_out: int) -> None:
    when = datetime.fromtimestamp(AT_MS / 1000, UTC)
    listed = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=tokens_in, output_tokens=tokens_out),
        route[1],
        provider_id=route[0],
        genai_request_timestamp=when,
    )
    nano = (listed.total_price * 10**9).quantize(Decimal(1), ROUND_HALF_UP)
    assert BOOK.cost(*route, usage(tokens_in, tokens_out), AT_MS) == nano


@given(
    st.sampled_from([("local", "local-bronze"), ("google", "gemini-2.5-pro"), ("openai", "gpt-4o-mini")]),
    TOKENS,
    TOKENS,
    st.integers(0, 300_000),
    st.integers(0, 1_000),
)
def test_an_estimate_is_never_below_the_cost(
    route: tuple[str, str], tokens_in: int, tokens_out: int, spare_in: int, spare_out: int
) -> None:
    estimate = BOOK.estimate(*route, tokens_in + spare_in, tokens_out + spare_out, AT_MS)
    assert estimate >= BOOK.cost(*route, usage(tokens_in, tokens_out), AT_MS)


@pytest.mark.parametrize(
    ("price", "tokens", "rounded"),
    [
        ("0.0005", 1, 1),
        ("0.0004", 1, 0),
        ("0.0001", 4, 0),
        ("0.0001", 5, 1),
        ("0.0001", 14, 1),
        ("0.0001", 15, 2),
    ],
)
def test_the_sum_is_rounded_half_up_and_once(tmp_path: Path, price: str, tokens: int, rounded: int) -> None:
    book = PriceBook.load(write(tmp_path, entry("m", price, price)))
    assert book.cost("acme", "m", usage(tokens, 0)) == rounded
    exact = Decimal(price) * 1000 * tokens
    assert book.estimate("acme", "m", tokens, 0) == exact.quantize(Decimal(1), ROUND_CEILING)
    assert book.cost("acme", "m", usage(tokens, tokens)) == (2 * exact).quantize(Decimal(1), ROUND_HALF_UP)


def test_a_file_adds_models_and_replaces_listed_prices(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        entry("own", "1", "2"),
        entry("gpt-4o", "1", "1", "openai"),
        entry("local-gold", "7", "7", "local"),
    )
    book = PriceBook.load(file)
    assert book.cost("acme", "own", usage(10, 10)) == 30_000
    assert book.cost("openai", "gpt-4o", usage(10, 10)) == 20_000
    assert book.version("openai", "gpt-4o") == "acme-7"
    assert book.cost("local", "local-gold", usage(1, 1)) == 14_000
    assert book.cost("local", "local-silver", usage(1, 1)) == 4_800


@pytest.mark.parametrize("route", [("nobody", "m"), ("openai", "no-such-model"), ("local", "local-iron")])
def test_an_unknown_model_is_final_and_says_how_to_add_a_price(route: tuple[str, str]) -> None:
    with pytest.raises(StepError, match="PRICES_FILE") as raised:
        BOOK.estimate(*route, 1, 1)
    assert (raised.value.code, raised.value.retryable) == ("unpriced_model", False)
    assert f'"model": "{route[1]}"' in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"input_usd_per_mtok": "-1"}, "greater"),
        ({"input_usd_per_mtok": "NaN"}, "finite"),
        ({"output_usd_per_mtok": None}, "output_usd_per_mtok"),
        ({"ouput_usd_per_mtok": "1"}, "ouput_usd_per_mtok"),
        ({"provider": ""}, "provider"),
    ],
)
def test_a_bad_entry_is_named_with_its_fault(tmp_path: Path, fields: dict[str, str], says: str) -> None:
    file = write(tmp_path, entry("good", "1", "1"), entry("m", "1", "1") | fields)
    with pytest.raises(ValueError, match=rf"{re.escape(file)} is wrong at 1\.\w+: ") as raised:
        PriceBook.load(file)
    assert says in str(raised.value)


@pytest.mark.parametrize(("content", "says"), [('{"provider": "p"}', "array"), ("not json", "JSON")])
def test_a_file_of_another_shape_is_named(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=says) as raised:
        PriceBook.load(str(file))
    assert str(file) in str(raised.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"no-such-prices\.json.*PRICES_FILE"):
        PriceBook.load("no-such-prices.json")
