"""Simulated traffic of 10,000 runs for policy replays, and what it costs by the closed form of its prices.

The closed form is written a second time here, from the prices themselves, so that a fault of the price book shows.
"""

import random
from collections.abc import Sequence
from fractions import Fraction

from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from schemas.records.base import Usage
from services.observability.replay.policy.calls import RecordedCall, Route

#: US dollars a million tokens: input, of it read from a provider's cache, and output. Odd ones make halves to round.
_PRICES = {"gold": ("3", "0.3", "15"), "silver": ("0.15", "0.0375", "0.6"), "bronze": ("0.0375", "0.00937", "0.1501")}
PROVIDER = "simulated"
TIERS = tuple(_PRICES)
_PER_RUN = 3
_RUNS_PER_S = 20
_START_MS = 1_790_000_000_000
VERSION = "1"


def book() -> PriceBook:
    """Return the prices of the simulated models."""
    return PriceBook(
        Override(
            provider=PROVIDER,
            model=model,
            version=VERSION,
            input_usd_per_mtok=given[0],
            cache_read_usd_per_mtok=given[1],
            output_usd_per_mtok=given[2],
        )
        for model, given in _PRICES.items()
    )


def traffic(runs: int, seed: int = 1) -> list[RecordedCall]:
    """Return calls of runs that begin 20 a second, three calls each, in the order of their holds."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    calls = [_call(dice, run, place) for run in range(runs) for place in range(_PER_RUN)]
    return sorted(calls, key=lambda call: (call.at_ms, call.call_id))


def closed_form(calls: Sequence[RecordedCall], *, model: str = "", factor: int = 1) -> int:
    """Return what calls cost together, on a model if one is given, with all prices multiplied: nano-dollars."""
    return sum(_nano(call.usage, model or call.route.model, factor) for call in calls)


def _call(dice: random.Random, run: int, place: int) -> RecordedCall:
    model = dice.choice(TIERS)
    read = dice.randint(50, 6_000)
    usage = Usage(
        input_tokens=read, cache_read_tokens=dice.choice((0, read // 3)), output_tokens=dice.randint(1, 1_500)
    )
    return RecordedCall(
        call_id=f"run-{run}:step-{place}:1#1",
        run_id=f"run-{run}",
        at_ms=_START_MS + run * 1_000 // _RUNS_PER_S + place * 900 + dice.randint(0, 800),
        workflow=f"flow-{run % 7}",
        node=f"step-{place}",
        prompt="p",
        route=Route(PROVIDER, model),
        usage=usage,
        amount_nano=_nano(usage, model, 1),
        price_version=VERSION,
        request=dice.randint(1, runs_of_requests(run)),
        latency_ms=dice.uniform(100, 2_000),
        score=dice.random() if dice.random() < 0.2 else None,
    )


def runs_of_requests(run: int) -> int:
    """Return how many different requests there are by then, so that some are equal."""
    return 1_000 + run


def _nano(usage: Usage, model: str, factor: int) -> int:
    read, cached, written = (Fraction(price) * 1_000 * factor for price in _PRICES[model])
    fresh = usage.input_tokens - usage.cache_read_tokens
    exact = fresh * read + usage.cache_read_tokens * cached + usage.output_tokens * written
    return int(exact + Fraction(1, 2))
