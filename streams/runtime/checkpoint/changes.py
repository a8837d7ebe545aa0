"""What an owner's commits changed since its last checkpoint: the bytes that the table got, newest of each entry.

It is handed out whole between two commits (``OwnedPartition.swap_dirty``) and put back under what came since when it
could not be written. An entity that began and ended in between shrinks at once to what must outlive a restore, packed
for a page; so short runs cost a checkpoint a few hundred bytes each, and no key of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.ports.engine import Commit, Kept
from streams.core.state import Fold
from streams.runtime.checkpoint.codec import COUNTERS, entry_key, pack_left, page_key, write_whole
from streams.runtime.table.quarantine import ENTITY as QUARANTINE

#: Bytes of changes after which a checkpoint comes before its time, so that waiting runs cost their owner little.
HEAVY_BYTES = 1024 * 1024
#: Bytes that are kept at most; over it only names are, to be loaded from the table again.
SPILL_BYTES = 16 * 1024 * 1024
#: Bytes of a page, below the limit of a record. Larger pages are fewer keys for the broker to compact.
PAGE_BYTES = 256 * 1024
#: What a change weighs beyond its bytes, roughly.
ENTRY_OVERHEAD = 200


@dataclass(slots=True)
class _Page:
    parts: list[bytes] = field(default_factory=list)
    bytes: int = 0
    until_ms: int = 0


class ChangedEntries:
    """The changes since a checkpoint, of one partition.

    ``names`` are entities to be loaded whole, because their bytes are not at hand. ``clear`` says that nothing in the
    checkpoint can be trusted, so that all of it must be taken back first. Only with ``paging`` do ended entities go
    into pages: a page has no key by entity, so none of them may have a record of its own, which would outlive the page.
    That is sure once this ownership has written a checkpoint before the entity began.
    """

    def __init__(self, fold: Fold[Any]) -> None:
        self._fold = fold
        self.paging = False
        self.entries: dict[str, dict[str, bytes | None]] = {}
        self.expire: dict[str, int] = {}
        self.names: dict[str, None] = {}
        self.clear = False
        self.bytes = 0
        self._pages: list[_Page] = []

    def __bool__(self) -> bool:
        return bool(self.entries or self.names or self._pages or self.clear)

    def __len__(self) -> int:
        return len(self.entries) + len(self.names) + sum(len(page.parts) for page in self._pages)

    def fresh(self) -> "ChangedEntries":
        """Return another one, without anything."""
        return ChangedEntries(self._fold)

    @property
    def heavy(self) -> bool:
        """Whether a checkpoint should be written before its time."""
        return self.bytes > HEAVY_BYTES

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._pages)

    def add(self, commit: Commit, expire: Mapping[str, int], counters: Mapping[str, float]) -> None:
        """Take in a commit that the table has. ``expire`` is by the partition's clock, ``counters`` are totals now."""
        for entity, puts in commit.puts.items():
            self._put(entity, puts)
        for entity, names in commit.drops.items():
            self.entries.setdefault(entity, {}).update(dict.fromkeys(names))
        for entity, at_ms in expire.items():
            self._leave(entity, at_ms)
        if commit.counters:
            self.count({name: counters[name] for name in commit.counters})
        if self.bytes > SPILL_BYTES:
            self.spill()

    def count(self, totals: Mapping[str, float]) -> None:
        """Take in counters, as totals."""
        self._put(COUNTERS, {name: repr(total).encode() for name, total in totals.items()})

    def _put(self, entity: str, puts: Mapping[str, bytes]) -> None:
        self.entries.setdefault(entity, {}).update(puts)
        self.bytes += sum(map(len, puts.values())) + ENTRY_OVERHEAD * len(puts)

    def _leave(self, entity: str, at_ms: int) -> None:
        """An entity ended, and says so again with every change after that."""
        fields = self.entries.get(entity)
        if fields is None or None in fields.values():
            self.names[entity] = None
        elif not self._is_whole(entity, fields):
            self.expire[entity] = at_ms
        else:
            self._left(entity, at_ms, fields)

    def _left(self, entity: str, at_ms: int, fields: dict[str, bytes | None]) -> None:
        there = {name: data for name, data in fields.items() if data is not None}
        self.bytes -= sum(map(len, there.values())) + ENTRY_OVERHEAD * len(fields)
        lasting = {name: there[name] for name in self._fold.lasting(entity, there)}
        if self.paging:
            del self.entries[entity]
            self._turn_page(pack_left(entity, at_ms, lasting), at_ms)
        else:
            self.entries[entity] = {}
            self.expire[entity] = at_ms
            self._put(entity, lasting)

    def _turn_page(self, part: bytes, at_ms: int) -> None:
        if not self._pages or self._pages[-1].bytes + len(part) > PAGE_BYTES:
            self._pages.append(_Page())
        page = self._pages[-1]
        page.parts.append(part)
        page.bytes += len(part)
        page.until_ms = max(page.until_ms, at_ms)
        self.bytes += len(part)

    def _is_whole(self, entity: str, fields: Mapping[str, bytes | None]) -> bool:
        return entity not in (QUARANTINE, COUNTERS) and self._fold.whole(entity, fields.keys())

    def spill(self) -> None:
        """Let go of bytes. Those of counters stay: there is one set of them, and it is small."""
        counters = self.entries.pop(COUNTERS, None)
        self.names |= dict.fromkeys(self.entries)
        self.entries = {} if counters is None else {COUNTERS: counters}
        self.expire = {}
        self.bytes = sum(page.bytes for page in self._pages)

    def put_back(self, older: "ChangedEntries") -> None:
        """Take back what could not be written, or nobody knows whether it was, under what came since."""
        for entity, fields in older.entries.items():
            self.entries[entity] = fields | self.entries.get(entity, {})
        self.expire = older.expire | self.expire
        self.names = older.names | self.names
        self.clear |= older.clear
        self._pages = older._pages + self._pages  # noqa: SLF001 - its own kind
        self.bytes += older.bytes

    def records(self, epoch: int, first_page: int) -> Iterator[Kept]:
        """Yield everything but what ``names`` names, pages first: what comes later is newer."""
        for number, page in enumerate(self._pages, first_page):
            yield Kept(page_key(epoch, number), b"".join(page.parts), page.until_ms)
        for entity, fields in self.entries.items():
            at_ms = self.expire.get(entity)
            if self._is_whole(entity, fields):
                there = {name: data for name, data in fields.items() if data is not None}
                yield from write_whole(entity, there, at_ms)
            else:
                yield from (Kept(entry_key(entity, name), data, at_ms) for name, data in fields.items())
