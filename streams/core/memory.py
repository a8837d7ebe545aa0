"""``MemoryState``: a partition's entries in a dictionary, for tests, replays and simulations."""

from collections.abc import Callable
from typing import Any

from schemas.records.base import Json

Encode = Callable[[str, str, Any], bytes]


class MemoryState:
    """The ``State`` protocol over nested dictionaries. It keeps values as they were put, not encoded."""

    def __init__(self) -> None:
        self._entities: dict[str, dict[str, Any]] = {}

    def get(self, entity: str, field: str) -> Json | None:
        """Return an entry's value, or ``None``."""
        entries = self._entities.get(entity)
        return entries.get(field) if entries else None

    def fields(self, entity: str) -> list[str]:
        """Return the names of an entity's entries."""
        return list(self._entities.get(entity, ()))

    def put(self, entity: str, field: str, value: Json) -> None:
        """Set an entry."""
        self._entities.setdefault(entity, {})[field] = value

    def drop(self, entity: str, field: str) -> None:
        """Remove an entry, if it is there."""
        self._entities.get(entity, {}).pop(field, None)

    def forget(self, entity: str) -> None:
        """Remove a whole entity, as an expiry does."""
        self._entities.pop(entity, None)

    def entities(self) -> list[str]:
        """Return the names of all entities."""
        return list(self._entities)

    def snapshot(self, encode: Encode) -> dict[str, dict[str, bytes]]:
        """Return everything encoded, sorted by name: equal for equal states, whatever their history."""
        return {
            entity: {field: encode(entity, field, entries[field]) for field in sorted(entries)}
            for entity, entries in sorted(self._entities.items())
            if entries
        }
