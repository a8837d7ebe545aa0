"""A partition's entries in the owner's memory, and the changes that a chunk makes to them.

Three layers: what is stored, what earlier records of the chunk changed, and what the record being folded
changes. A record's changes become visible to the next one only when its fold returned; a chunk's changes become
the commit. Memory runs ahead of the store while a commit is under way, so it is dropped whole when a
commit answers anything but OK or ALREADY.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from streams.core.state import Fold


class _Gone:
    """Marks an entry that was dropped."""

    __slots__ = ()


class _Stored:
    """Bytes as loaded, decoded on first use."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


GONE: Final = _Gone()
Entries = dict[str, Any]
Changes = dict[str, dict[str, Any]]


class Memory:
    """The entries that the owner holds, least recently used entities first.

    ``limit`` bounds the number of entities kept between chunks; those with uncommitted changes stay.
    """

    def __init__(self, fold: Fold[Any], limit: int) -> None:
        self._fold = fold
        self._limit = limit
        self._entities: OrderedDict[str, Entries] = OrderedDict()

    def missing(self, entities: Iterable[str]) -> list[str]:
        """Return those that must be loaded, in order, each once."""
        return [e for e in dict.fromkeys(entities) if e not in self._entities]

    def store(self, loaded: dict[str, dict[str, bytes]]) -> None:
        """Keep what was loaded; an entity that is not stored is kept as empty."""
        for entity, entries in loaded.items():
            self._entities[entity] = {field: _Stored(data) for field, data in entries.items()}

    def entries(self, entity: str) -> Entries:
        """Return an entity's entries, empty for one that is not loaded."""
        return self._entities.get(entity) or {}

    def value(self, entity: str, field: str) -> Any | None:
        """Return one entry's decoded value."""
        entries = self._entities.get(entity)
        if not entries:
            return None
        found = entries.get(field)
        if isinstance(found, _Stored):
            found = entries[field] = self._fold.decode(entity, field, found.data)
        return found

    def apply(self, changes: Changes) -> None:
        """Make a record's changes part of memory."""
        for entity, fields in changes.items():
            entries = self._entities.setdefault(entity, {})
            for field, value in fields.items():
                if value is GONE:
                    entries.pop(field, None)
                else:
                    entries[field] = value
            self._entities.move_to_end(entity)

    def forget(self, entity: str) -> None:
        """Let go of one entity."""
        self._entities.pop(entity, None)

    def shrink(self, keep: set[str]) -> None:
        """Let go of the least recently used entities over the limit, except ``keep``."""
        excess = len(self._entities) - self._limit
        if excess <= 0:
            return
        for entity in [e for e in self._entities if e not in keep][:excess]:
            del self._entities[entity]

    def __len__(self) -> int:
        return len(self._entities)


class RecordState:
    """The ``State`` that one record's fold sees: memory with this record's own changes on top."""

    __slots__ = ("_memory", "changes")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.changes: Changes = {}

    def get(self, entity: str, field: str) -> Any | None:
        """Return an entry's value, or ``None``."""
        changed = self.changes.get(entity)
        if changed is not None and field in changed:
            value = changed[field]
            return None if value is GONE else value
        return self._memory.value(entity, field)

    def fields(self, entity: str) -> list[str]:
        """Return the names of an entity's entries."""
        names = set(self._memory.entries(entity))
        for field, value in self.changes.get(entity, {}).items():
            (names.discard if value is GONE else names.add)(field)
        return sorted(names)

    def put(self, entity: str, field: str, value: Any) -> None:
        """Set an entry."""
        self.changes.setdefault(entity, {})[field] = value

    def drop(self, entity: str, field: str) -> None:
        """Remove an entry, if it is there."""
        self.changes.setdefault(entity, {})[field] = GONE


def merge(into: Changes, changes: Changes) -> None:
    """Add a record's changes to a chunk's."""
    for entity, fields in changes.items():
        into.setdefault(entity, {}).update(fields)
