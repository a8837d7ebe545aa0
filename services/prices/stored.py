"""The prices of organisations for processes that make no calls: read from PostgreSQL when they are needed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors.postgres.money.price_lists import ListVersion
from connectors.prices.book import PriceBook
from schemas.errors import Unavailable
from services.prices.lists import OrganisationLists
from services.prices.organisation import list_number

#: A new list is known after this time; workers know it sooner.
FRESH_S = 2.0
#: Organisations whose lists are remembered.
MOST_ORGANISATIONS = 1_000


class ListStore(Protocol):
    """Where lists are, see ``connectors.postgres.money.price_lists``."""

    async def after(self, org_id: str, version: int) -> list[ListVersion]:
        """Return an organisation's versions above one. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    lists: OrganisationLists
    at_s: float


class StoredPrices:
    """``book`` returns the prices of the installation as they are now."""

    def __init__(
        self, book: Callable[[], PriceBook], store: ListStore, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._book = book
        self._store = store
        self._now_s = now_s
        self._read: dict[str, _Read] = {}

    async def read(self, org_id: str) -> OrganisationLists:
        """Return an organisation's lists as they are stored now. Raises ``Unavailable``."""
        known, book = self._read.get(org_id), self._book()
        lists = OrganisationLists(book) if known is None else known.lists
        if lists.below.overrides != book.overrides:
            lists = lists.over(book)
        # A version never changes, so only newer ones are read.
        for one in await self._store.after(org_id, lists.newest):
            lists.add(one.stored)
        if len(self._read) >= MOST_ORGANISATIONS:
            self._read.clear()
        self._read[org_id] = _Read(lists, self._now_s())
        return lists

    async def of(self, org_id: str, at_ms: int) -> PriceBook:
        """Return an organisation's prices at a time, as they were stored a moment ago.

        While PostgreSQL does not answer, what was read before stands. Raises ``Unavailable`` when nothing was.
        """
        known = self._read.get(org_id)
        if known is not None and self._now_s() - known.at_s < FRESH_S:
            return known.lists.at(at_ms)
        try:
            return (await self.read(org_id)).at(at_ms)
        except Unavailable:
            if known is None:
                raise
            return known.lists.at(at_ms)

    async def booked(self, org_id: str, price_version: str) -> PriceBook:
        """Return the prices under which money was held; they never change. Raises ``Unavailable``."""
        number, known = list_number(price_version), self._read.get(org_id)
        if not number:
            return self._book()
        lists = known.lists if known is not None and known.lists.has(number) else await self.read(org_id)
        return lists.of_version(number)
