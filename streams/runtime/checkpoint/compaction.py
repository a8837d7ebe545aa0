"""Taking back from a checkpoint what nobody needs any more: the records of entities that have left the table.

A checkpoint topic keeps the newest record of every key, so what ended must be taken back key by key. It is found by
reading the topic, twice: first what has left, then its keys; so the memory that it takes is that of what is dead.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from connectors.ports.engine import Checkpoints, Kept
from streams.runtime.checkpoint.codec import MARKER_KEY, entry_key, is_page, split_key
from streams.runtime.table.partition import OwnedPartition

K = TypeVar("K", str, bytes)

#: Entities that one sweep takes back at most, so that no checkpoint waits for long. One that is cut continues with the
#: next checkpoint.
SWEEP_ENTITIES = 100_000


class Appends(Protocol):
    """Takes records for a checkpoint."""

    async def append_all(self, records: Iterable[Kept]) -> None:
        """Append records."""
        ...


class Compaction:
    """Sweeps checkpoints. Call it with the partition's writer open, before anything else is appended."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    async def take_back(self, owned: OwnedPartition, writer: Appends) -> bool:
        """Append a tombstone for each key of what has left by the partition's clock; return whether some is left."""
        dead, taken, pages = await self._dead(owned.partition, owned.committed_clock_ms)
        left = [entity for entity in dead if entity not in taken]
        some = set(left[:SWEEP_ENTITIES])
        is_cut = len(some) < len(left)
        keys = set(pages)
        if dead:
            async for batch in self._checkpoints.read(owned.partition):
                for kept in batch:
                    _note(keys, kept, kept.value is not None and _entity(kept.key) in some)
        if is_cut:
            # The tombstone of its first key says that an entity is taken back, so that the next sweep takes others.
            keys |= {entry_key(entity) for entity in some}
        await writer.append_all(Kept(key, None) for key in sorted(keys))
        return is_cut

    async def take_back_all(self, partition: int, writer: Appends) -> None:
        """Append a tombstone for every key."""
        keys: set[bytes] = set()
        async for batch in self._checkpoints.read(partition):
            for kept in batch:
                _note(keys, kept, kept.value is not None and kept.key != MARKER_KEY)
        await writer.append_all(Kept(key, None) for key in sorted(keys))

    async def _dead(self, partition: int, clock_ms: int) -> tuple[list[str], set[str], list[bytes]]:
        """Return the entities that have left by what their last record says, which are taken back, and the pages."""
        leaving: dict[str, int] = {}
        taken: set[str] = set()
        pages: dict[bytes, int] = {}
        async for batch in self._checkpoints.read(partition):
            for kept in batch:
                entity = _entity(kept.key)
                if is_page(kept.key):
                    _last(pages, kept.key, kept.expire_at_ms)
                elif kept.value is not None and kept.key != MARKER_KEY:
                    _last(leaving, entity, kept.expire_at_ms)
                    taken.discard(entity)
                elif kept.key == entry_key(entity):
                    taken.add(entity)
        dead = [entity for entity, at_ms in leaving.items() if at_ms <= clock_ms]
        return dead, taken, [key for key, at_ms in pages.items() if at_ms <= clock_ms]


def _entity(key: bytes) -> str:
    return "" if key.startswith(b"~") else split_key(key)[0]


def _last(known: dict[K, int], name: K, at_ms: int | None) -> None:
    if at_ms is None:
        known.pop(name, None)
    else:
        known[name] = at_ms


def _note(keys: set[bytes], kept: Kept, wanted: bool) -> None:
    """Keep the key of a record that is to be taken back, until its tombstone is found to be there."""
    if wanted:
        keys.add(kept.key)
    elif kept.value is None:
        keys.discard(kept.key)
