"""Taking back from a checkpoint what nobody needs any more: the records of entities that have left the table.

A checkpoint topic keeps the newest record of every key, so what ended must be taken back key by key. It is found by
reading the topic, twice: first what has left, then its keys. What is held in memory is what is dead, and nothing else.
"""

from collections.abc import Iterable
from itertools import islice
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
        dead = Dead(owned.committed_clock_ms)
        async for batch in self._checkpoints.read(owned.partition):
            for kept in batch:
                dead.note(kept)
        some = frozenset(islice(dead.entities, SWEEP_ENTITIES))
        is_cut = len(some) < len(dead.entities)
        keys = set(dead.pages)
        if some:
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


class Dead:
    """What has left by what its last record says and is not taken back, of records in their order.

    Only that is held: of what leaves later a topic may have many times more, such as the facts of settled calls.
    """

    def __init__(self, clock_ms: int) -> None:
        self._clock_ms = clock_ms
        #: The oldest first.
        self.entities: dict[str, None] = {}
        self.pages: dict[bytes, None] = {}

    def note(self, kept: Kept) -> None:
        """Take the next record."""
        if is_page(kept.key):
            self._last(self.pages, kept.key, kept.expire_at_ms)
        elif kept.key != MARKER_KEY:
            entity = _entity(kept.key)
            if kept.value is not None:
                self._last(self.entities, entity, kept.expire_at_ms)
            elif kept.key == entry_key(entity):
                self.entities.pop(entity, None)

    def _last(self, known: dict[K, None], name: K, leaves_ms: int | None) -> None:
        if leaves_ms is not None and leaves_ms <= self._clock_ms:
            known[name] = None
        else:
            known.pop(name, None)


def _entity(key: bytes) -> str:
    return "" if key.startswith(b"~") else split_key(key)[0]


def _note(keys: set[bytes], kept: Kept, wanted: bool) -> None:
    """Keep the key of a record that is to be taken back, until its tombstone is found to be there."""
    if wanted:
        keys.add(kept.key)
    elif kept.value is None:
        keys.discard(kept.key)
