"""Deletes stored objects that nothing kept refers to.

Invariant: an object that is deleted was last stored longer ago than its organisation's days, and before its oldest run
that is open; and two sweeps at least a day apart found no run, step or captured call that refers to it. So a run that
is held, which keeps its row, keeps its objects; and one that history does not show yet has a day to appear.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from schemas.errors import Unavailable
from services.retention.sweeper import DAY_MS, KeptDays

#: Objects whose references are looked for at once, and that one call looks at: some seconds.
BATCH, LISTED = 500, 5_000


class Object(Protocol):
    """An object as it is listed: ``<organisation>/<two letters>/<sha256>``, and when it was last stored."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def stored_ms(self) -> int:
        """When it was last stored."""


class Store(Protocol):
    """Where objects are, see ``connectors.objects.backends``. Methods raise ``Unavailable``."""

    def stored(self) -> AsyncIterator[Object]:
        """Yield all objects by name, those of an organisation together."""
        ...

    async def delete(self, name: str, before_ms: int) -> bool:
        """Delete an object that was not stored again since ``before_ms``; return whether it was."""
        ...


class References(Protocol):
    """See ``connectors.postgres.history.object_references``. Methods raise ``Unavailable``."""

    async def referred(self, org_id: str, hashes: Sequence[str]) -> set[str]:
        """Return those of some objects that history refers to."""
        ...

    async def open_since_ms(self, org_id: str) -> int | None:
        """Return when the oldest open run was submitted."""
        ...

    async def note(self, org_id: str, hashes: Sequence[str], now_ms: int) -> None:
        """Note that nothing refers to some objects now."""
        ...

    async def due(self, org_id: str, hashes: Sequence[str], until_ms: int) -> list[str]:
        """Return those of some objects that were noted at or before a time."""
        ...

    async def forget(self, org_id: str, hashes: Collection[str]) -> None:
        """Remove what was noted of some objects."""
        ...


class Captured(Protocol):
    """See ``connectors.clickhouse.retention.captured_objects``. Raises ``Unavailable``."""

    async def referred(self, org_id: str) -> set[str]:
        """Return the objects that captured calls of an organisation refer to."""
        ...


class ObjectSweeper:
    """Sweeps the objects of all organisations, once a day, ``LISTED`` in one call."""

    def __init__(self, kept: KeptDays, store: Store, references: References, captured: Captured) -> None:
        self._kept = kept
        self._store = store
        self._references = references
        self._captured = captured
        self._swept_ms = -DAY_MS
        self._listing: AsyncIterator[Object] | None = None
        self._organisation: _Organisation | None = None
        #: Whether the sweep is in the middle of its list.
        self.cut = False

    async def sweep(self, now_ms: int) -> dict[str, int]:
        """Delete what is due; return how many objects of each organisation went. Raises ``Unavailable``."""
        if self._listing is None:
            if not self._kept.some or now_ms - self._swept_ms < DAY_MS:
                return {}
            self._listing, self._organisation = self._store.stored(), None
        try:
            return await self._some(self._listing, now_ms)
        except Unavailable:
            self._listing, self.cut = None, False  # the next call begins again: what was deleted is not listed
            raise

    async def _some(self, listing: AsyncIterator[Object], now_ms: int) -> dict[str, int]:
        swept: dict[str, int] = {}
        for _ in range(LISTED):
            one = await anext(listing, None)
            if one is None:
                await self._finish(self._organisation, swept)
                self._listing, self.cut, self._swept_ms = None, False, now_ms
                return swept
            await self._look_at(one, now_ms, swept)
        self.cut = True
        return swept

    async def _look_at(self, one: Object, now_ms: int, swept: dict[str, int]) -> None:
        org_id = one.name.partition("/")[0]
        organisation = self._organisation
        if organisation is None or organisation.org_id != org_id:
            await self._finish(organisation, swept)
            organisation = self._organisation = await self._begin(org_id, now_ms)
        if one.stored_ms < organisation.before_ms:
            organisation.hashes.append(one.name.rpartition("/")[2])
        if len(organisation.hashes) >= BATCH:
            await self._take(organisation)

    async def _begin(self, org_id: str, now_ms: int) -> "_Organisation":
        days = self._kept.of(org_id)
        if not days:
            return _Organisation(org_id, now_ms, before_ms=0)
        open_since_ms = await self._references.open_since_ms(org_id)
        before_ms = now_ms - days * DAY_MS
        return _Organisation(org_id, now_ms, before_ms if open_since_ms is None else min(before_ms, open_since_ms))

    async def _finish(self, organisation: "_Organisation | None", swept: dict[str, int]) -> None:
        if organisation is None:
            return
        if organisation.hashes:
            await self._take(organisation)
        if organisation.deleted:
            swept[organisation.org_id] = organisation.deleted

    async def _take(self, organisation: "_Organisation") -> None:
        """Delete those of a batch that are due, and note the others to which nothing refers."""
        org_id, hashes = organisation.org_id, organisation.hashes
        organisation.hashes = []
        if organisation.captured is None:
            organisation.captured = await self._captured.referred(org_id)
        referred = await self._references.referred(org_id, hashes) | organisation.captured.intersection(hashes)
        free = [one for one in hashes if one not in referred]
        # What is referred to again loses its note: it has another day from the next sweep on that finds it free.
        await self._references.forget(org_id, referred)
        await self._references.note(org_id, free, organisation.now_ms)
        due = await self._references.due(org_id, free, organisation.now_ms - DAY_MS)
        for sha256 in due:
            name = f"{org_id}/{sha256[:2]}/{sha256}"
            organisation.deleted += await self._store.delete(name, organisation.before_ms)
        await self._references.forget(org_id, due)


class _Organisation:
    """What one sweep knows of an organisation. Objects that were stored at or after ``before_ms`` stay."""

    def __init__(self, org_id: str, now_ms: int, before_ms: int) -> None:
        self.org_id = org_id
        self.now_ms = now_ms
        self.before_ms = before_ms
        self.hashes: list[str] = []
        self.captured: set[str] | None = None
        self.deleted = 0
