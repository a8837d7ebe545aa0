"""Price lists as processes read them that make no calls: fresh enough, and through an outage."""

from typing import Any

import pytest

from connectors.postgres.money.price_lists import ListVersion
from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from schemas.errors import Unavailable
from schemas.price_lists import PriceList, StoredPriceList
from services.prices.stored import FRESH_S, StoredPrices

BOOK = PriceBook([])
ENTRY = {"provider": "p", "model": "m", "input_usd_per_mtok": "1", "output_usd_per_mtok": "0"}


class Lists:
    """A store whose lists change, and that may be down."""

    def __init__(self) -> None:
        self.lists: list[StoredPriceList] = []
        self.down = False
        self.reads = 0
        self.sent: list[list[int]] = []

    async def after(self, org_id: str, version: int) -> list[ListVersion]:
        self.reads += 1
        if self.down:
            raise Unavailable("postgres", "down")
        self.sent.append([one.version for one in self.lists if one.version > version])
        return [ListVersion(one, "key", 0) for one in self.lists if one.version > version]

    def add(self, from_ms: int, **entry: Any) -> None:
        rules = PriceList.model_validate({"prices": [ENTRY | entry]})
        self.lists.append(StoredPriceList(version=len(self.lists) + 1, effective_from_ms=from_ms, rules=rules))


class Times:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_lists_are_read_again_when_they_are_not_fresh() -> None:
    lists, times = Lists(), Times()
    prices = StoredPrices(lambda: BOOK, lists, times)
    assert await prices.of("acme", 5) is BOOK
    lists.add(0)
    times.now_s = FRESH_S - 0.1
    assert await prices.of("acme", 5) is BOOK
    times.now_s = FRESH_S
    assert (await prices.of("acme", 5)).estimate("p", "m", 1_000, 0, 5) == 1_000_000
    assert lists.reads == 2


async def test_only_newer_versions_are_read_and_prices_of_the_installation_are_followed() -> None:
    lists, times, books = Lists(), Times(), [BOOK]
    prices = StoredPrices(lambda: books[-1], lists, times)
    for version in (1, 2):
        lists.add(version * 10)
        times.now_s += FRESH_S
        await prices.of("acme", 5)
    assert lists.sent == [[1], [2]]
    books.append(PriceBook([Override(version="v", **(ENTRY | {"model": "new", "input_usd_per_mtok": "2"}))]))
    found = await prices.read("acme")
    assert found.at(20).estimate("p", "new", 1_000, 0, 20) == 2_000_000
    assert found.at(20).estimate("p", "m", 1_000, 0, 20) == 1_000_000
    assert lists.sent[-1] == []


async def test_a_list_takes_effect_at_its_time_without_another_read() -> None:
    lists = Lists()
    lists.add(100)
    prices = StoredPrices(lambda: BOOK, lists, Times())
    assert await prices.of("acme", 99) is BOOK
    assert await prices.of("acme", 100) is not BOOK
    assert lists.reads == 1


async def test_what_was_read_before_stands_during_an_outage() -> None:
    lists, times = Lists(), Times()
    lists.add(0)
    prices = StoredPrices(lambda: BOOK, lists, times)
    before = await prices.of("acme", 5)
    lists.down, times.now_s = True, 100.0
    assert (await prices.of("acme", 5)).version("p", "m") == before.version("p", "m")
    with pytest.raises(Unavailable):
        await prices.of("unknown", 5)
    with pytest.raises(Unavailable):
        await prices.read("acme")
