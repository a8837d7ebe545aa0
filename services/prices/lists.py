"""Price lists in memory, folded from ``definitions`` by every process that makes calls."""

from bisect import bisect_right
from collections.abc import Iterable

from pydantic import ValidationError

from connectors.prices.book import PriceBook
from schemas.errors import BadRecord, Unavailable
from schemas.price_lists import StoredPriceList
from schemas.records.definitions import Definition
from schemas.values.fields import first_fault
from services.prices.organisation import OrganisationPrices, list_number


class OrganisationLists:
    """The versions of one organisation's list over the prices of the installation."""

    def __init__(self, below: PriceBook, lists: Iterable[StoredPriceList] = ()) -> None:
        self._below = below
        self._stored: dict[int, StoredPriceList] = {}
        self._made: dict[int, OrganisationPrices] = {}
        self._order: list[tuple[int, int]] = []
        for stored in lists:
            self.add(stored)

    @property
    def below(self) -> PriceBook:
        """The prices of the installation."""
        return self._below

    @property
    def newest(self) -> int:
        """The highest version; 0 for none."""
        return max(self._stored, default=0)

    def over(self, below: PriceBook) -> "OrganisationLists":
        """Return the same versions over other prices."""
        return OrganisationLists(below, self._stored.values())

    def add(self, stored: StoredPriceList) -> None:
        """Add a version, in whatever order they come; one that is there stays as it is."""
        if stored.version not in self._stored:
            self._stored[stored.version] = stored
            self._order = sorted((one.effective_from_ms, one.version) for one in self._stored.values())

    def effective(self, at_ms: int) -> int:
        """Return the version that holds at a time; 0 before the first one does."""
        before = bisect_right(self._order, (at_ms, 2**63))
        return self._order[before - 1][1] if before else 0

    def at(self, at_ms: int) -> PriceBook:
        """Return the prices at a time."""
        return self.of_version(self.effective(at_ms))

    def has(self, number: int) -> bool:
        """Return whether a version is known."""
        return number in self._stored

    def of_version(self, number: int) -> PriceBook:
        """Return the prices under a version; those of the installation for 0, and for one that is unknown."""
        stored = self._stored.get(number)
        if stored is None:
            return self._below
        made = self._made.get(number)
        if made is None:
            # The objects of old versions are few: a version is used by the calls of its time.
            made = self._made[number] = OrganisationPrices(self._below, stored)
        return made


class PriceLists:
    """The lists of all organisations.

    Before ``mark_loaded`` reports that the topic was read to its end once, the absence of a list proves nothing.
    """

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._lists: dict[str, OrganisationLists] = {}
        self._loaded = False

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored. Raises ``BadRecord`` for a body that is no price list."""
        if definition.kind != "price_list":
            return
        try:
            stored = StoredPriceList.model_validate(definition.body)
        except ValidationError as exc:
            raise BadRecord("price_list", f"{definition.key} is not a price list: {first_fault(exc)}") from exc
        self._lists.setdefault(definition.org_id, OrganisationLists(self._book)).add(stored)

    def mark_loaded(self) -> None:
        """Report that every definition that existed at the start was applied."""
        self._loaded = True

    def check_known(self) -> None:
        """Raise ``Unavailable`` before the first load."""
        if not self._loaded:
            raise Unavailable("prices", "the price lists of organisations have not been read to their end yet")

    def of(self, org_id: str, at_ms: int) -> PriceBook:
        """Return an organisation's prices at a time. Raises ``Unavailable`` before the first load."""
        self.check_known()
        lists = self._lists.get(org_id)
        return self._book if lists is None else lists.at(at_ms)

    def booked(self, org_id: str, price_version: str) -> PriceBook:
        """Return the prices by which a settlement was booked: those of the version that it names."""
        lists = self._lists.get(org_id)
        return self._book if lists is None else lists.of_version(list_number(price_version))
