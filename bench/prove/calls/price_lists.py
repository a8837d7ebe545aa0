"""The lines of the area ``calls`` for price lists: costs by the list of the hold, and settlements computed again.

Lists of one organisation come in any order, for times past and to come, while calls are held and settled. Another
computation says what each call costs: it looks through all lists that were known at the hold, in decimals.
"""

import random
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from deploy.local.engines.progress import Progress
from schemas.price_lists import PriceList, StoredPriceList
from schemas.records.base import Usage
from schemas.records.definitions import Definition
from services.prices.lists import PriceLists

AIMS = (
    Aim("price_list_calls", "calls", at_least(500), at_least(5_000)),
    Aim("price_list_calls_off", "nano-dollars", at_most(0), at_most(0)),
    Aim("price_list_replays_off", "nano-dollars", at_most(0), at_most(0)),
)
_ORG, _PROVIDER, _MODELS = "org", "acme", ("a", "b", "c")
_FILE = (Decimal("2.5"), Decimal("10"))


class _Call(NamedTuple):
    """A settled call: when it was held, what it used and cost, and the version that its settlement names."""

    at_ms: int
    model: str
    usage: Usage
    cost_nano: int
    version: str


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play worlds of lists and calls; ``quick``: fewer."""
    worlds = 40 if quick else 400
    progress(f"price lists: {worlds} organisations")
    calls = off = replayed_off = 0
    for seed in range(worlds):
        found = _played(random.Random(seed))  # noqa: S311 - a simulation, no secret
        calls, off, replayed_off = calls + found[0], off + found[1], replayed_off + found[2]
    return [
        Line("price_list_calls", "calls", (float(calls),), f"under lists of {worlds} organisations"),
        Line("price_list_calls_off", "nano-dollars", (float(off),), "costs beside another computation"),
        Line(
            "price_list_replays_off", "nano-dollars", (float(replayed_off),), "computed again when all lists are known"
        ),
    ]


def _played(chance: random.Random) -> tuple[int, int, int]:
    lists = PriceLists(PriceBook([_override(model) for model in _MODELS]))
    lists.mark_loaded()
    known: list[StoredPriceList] = []
    settled: list[_Call] = []
    off = 0
    for now_ms in range(1_000, 1_000 + chance.randint(20, 40) * 10, 10):
        if chance.random() < 0.3:
            known.append(_list(chance, len(known) + 1, now_ms))
            lists.apply(_definition(known[-1]))
        # A call at the very millisecond of a list, as often as at any other.
        at_ms = chance.choice([now_ms, *(one.effective_from_ms for one in known)])
        call = _made(lists, chance, at_ms)
        off += abs(call.cost_nano - _expected(known, call))
        settled.append(call)
    again = sum(abs(call.cost_nano - _again(lists, call)) for call in settled)
    return len(settled), off, again


def _made(lists: PriceLists, chance: random.Random, at_ms: int) -> _Call:
    model = chance.choice(_MODELS)
    usage = Usage(input_tokens=chance.randint(0, 9_999), output_tokens=chance.randint(0, 999))
    prices = lists.of(_ORG, at_ms)
    cost = prices.cost(_PROVIDER, model, usage, at_ms)
    return _Call(at_ms, model, usage, cost, prices.version(_PROVIDER, model))


def _again(lists: PriceLists, call: _Call) -> int:
    return lists.booked(_ORG, call.version).cost(_PROVIDER, call.model, call.usage, call.at_ms)


def _expected(known: Sequence[StoredPriceList], call: _Call) -> int:
    """Return the cost by the list that began last, the newest of several, in decimals."""
    began = [one for one in known if one.effective_from_ms <= call.at_ms]
    given, written = _FILE
    if began:
        last = max(began, key=lambda one: (one.effective_from_ms, one.version))
        for entry in last.rules.prices:
            if entry.model == call.model:
                given, written = entry.input_usd_per_mtok, entry.output_usd_per_mtok
    exact = (call.usage.input_tokens * given + call.usage.output_tokens * written) * 1_000
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _list(chance: random.Random, version: int, now_ms: int) -> StoredPriceList:
    named = chance.sample(_MODELS, chance.randint(0, len(_MODELS)))
    prices = [
        {
            "provider": _PROVIDER,
            "model": model,
            "input_usd_per_mtok": f"{chance.randint(0, 99_999) / 10_000:.4f}",
            "output_usd_per_mtok": f"{chance.randint(0, 99_999) / 10_000:.4f}",
        }
        for model in named
    ]
    from_ms = now_ms + chance.choice((-50, 0, 0, 10, 30, 200))
    return StoredPriceList(
        version=version, effective_from_ms=from_ms, rules=PriceList.model_validate({"prices": prices})
    )


def _definition(one: StoredPriceList) -> Definition:
    return Definition(
        kind="price_list", org_id=_ORG, id="prices", version=one.version, body=one.body(), changed_at_ms=0
    )


def _override(model: str) -> Override:
    given, written = _FILE
    return Override(
        provider=_PROVIDER, model=model, version="file", input_usd_per_mtok=given, output_usd_per_mtok=written
    )
