"""The lines of the area ``calls`` for prices: a table that was computed apart from this code, and estimates over costs.

``price_cases.json`` has how a call was served, its usage (or the body that a provider wrote), and its price in
nano-dollars, computed from the providers' published prices: flex, priority, batch, regions, iterations outside of the
totals, and writes to the cache that are for five minutes because nothing says otherwise.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from connectors.prices.book import PriceBook
from connectors.prices.listed import Served
from connectors.providers.anthropic.response import read_message
from connectors.providers.usage import Bounds, counted
from deploy.local.engines.progress import Progress
from schemas.records.base import Usage

AIMS = (
    Aim("price_cases", "cases", at_least(200), at_least(200)),
    Aim("price_cases_off", "nano-dollars", at_most(0), at_most(0)),
    Aim("price_estimates_under_cost", "calls", at_most(0), at_most(0)),
)
CASES = Path(__file__).with_name("price_cases.json")
#: 2026-11-28: list prices change.
AT_MS = 1_795_824_000_000
_ROUTES = (
    ("openai", "gpt-5"),
    ("openai", "gpt-5.6-sol"),
    ("anthropic", "claude-opus-4-6"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-pro"),
    ("cohere", "command-a-03-2025"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Price every case, and compare estimates with the costs of random usages; ``quick``: of fewer."""
    prices, cases = PriceBook.load(), json.loads(CASES.read_text(encoding="utf-8"))
    progress(f"prices: {len(cases)} cases")
    off = sum(abs(cost_of(prices, case) - case["nano"]) for case in cases)
    calls = 2_000 if quick else 50_000
    under = sum(_is_under(prices, random.Random(seed)) for seed in range(calls))  # noqa: S311 - a simulation, no secret
    return [
        Line("price_cases", "cases", (float(len(cases)),), "computed apart, see bench/prove/calls/price_cases.json"),
        Line("price_cases_off", "nano-dollars", (float(off),), "sum of all differences"),
        Line("price_estimates_under_cost", "calls", (float(under),), f"of {calls} random ones"),
    ]


def cost_of(prices: PriceBook, case: dict[str, Any]) -> int:
    """Return what a case costs by the code of production."""
    usage, served = _read(case["body"]) if "body" in case else (Usage(**case["usage"]), _served(case["served"]))
    return prices.cost(case["provider"], case["model"], usage, AT_MS, served)


def _served(written: str) -> Served:
    return tuple((name, how) for name, _, how in (one.partition("=") for one in written.split(",")) if name)


def _read(body: dict[str, Any]) -> tuple[Usage, Served]:
    completion = read_message({"content": [{"type": "text", "text": "x"}], "usage": body})
    return counted(completion.counts, Bounds(0, 0)).usage, completion.served


def _is_under(prices: PriceBook, chance: random.Random) -> bool:
    """Return whether a random call costs more than its estimate, though it kept to its bounds."""
    route = chance.choice(_ROUTES)
    most_input, most_output = (chance.choice((10, 2_000, 250_000, 400_000)) for _ in range(2))
    given, written = chance.randint(0, most_input), chance.randint(0, most_output)
    read = chance.randint(0, given)
    usage = Usage(
        input_tokens=given,
        output_tokens=written,
        cache_read_tokens=read,
        cache_write_tokens=chance.randint(0, given - read),
        reasoning_tokens=chance.randint(0, written),
    )
    absent = frozenset({"cache_write_1h_tokens"})
    return prices.estimate(*route, most_input, most_output, AT_MS, absent) < prices.cost(*route, usage, AT_MS)
