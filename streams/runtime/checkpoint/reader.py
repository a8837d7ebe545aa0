"""A partition's table, put together from the records of its checkpoint. Pure.

Records come oldest first, and a key may come more than once, since compaction is never complete. Entities in pages are
handed on as they come, all others are kept until the end, when it is known which of their entries is the newest. So the
memory it takes is that of the partition's living entities.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.ports.engine import Commit, Kept, timer_member
from connectors.redis.holds import entry_of
from streams.core.state import Fold
from streams.runtime.checkpoint.codec import COUNTERS, Fields, is_page, split_key, unpack_page, unpack_whole

#: Entries and timers of one commit: the store serves nobody else while it runs, some ten milliseconds.
COMMIT_ENTRIES = 4_000
#: And their bytes.
COMMIT_BYTES = 1024 * 1024


@dataclass(slots=True)
class _Entity:
    """``whole`` are bytes that no entry has changed yet."""

    whole: bytes | None = None
    fields: Fields = field(default_factory=dict)
    expire_at_ms: int | None = None

    def opened(self) -> Fields:
        if self.whole is not None:
            self.fields, self.whole = unpack_whole(self.whole), None
        return self.fields


class CheckpointReader:
    """Turns a checkpoint's records into commits at the marker's position.

    ``clock_ms`` is the marker's: what has left by it is left out. ``behind_ms`` is by how much later than that clock
    says an entity leaves by the store's.
    """

    def __init__(self, fold: Fold[Any], epoch: int, offset: int, clock_ms: int, behind_ms: int) -> None:
        self._fold = fold
        self._epoch = epoch
        self._offset = offset
        self._clock_ms = clock_ms
        self._behind_ms = behind_ms
        self._entities: dict[str, _Entity] = {}
        self._commit = self._new()
        self._entries = self._bytes = 0
        self.counters: dict[str, float] = {}
        self.records = 0

    def take(self, records: Iterable[Kept]) -> Iterator[Commit]:
        """Take in records; yield the commits that are full."""
        for kept in records:
            self.records += 1
            if is_page(kept.key):
                yield from self._page(kept)
            elif not kept.key.startswith(b"~"):
                self._keep(kept)

    def rest(self) -> Iterator[Commit]:
        """Yield the commits of all that was kept. The last one carries the counters."""
        for name, value in self._entities.pop(COUNTERS, _Entity()).fields.items():
            self.counters[name] = float(value)
        while self._entities:
            entity, one = self._entities.popitem()
            if one.expire_at_ms is None or one.expire_at_ms > self._clock_ms:
                yield from self._put(entity, one.opened(), one.expire_at_ms)
        self._commit.counters = dict(self.counters)
        yield self._commit

    def _page(self, kept: Kept) -> Iterator[Commit]:
        if kept.value is None or (kept.expire_at_ms or 0) <= self._clock_ms:
            return
        for entity, at_ms, fields in unpack_page(kept.value):
            if at_ms > self._clock_ms:
                self._entities.pop(entity, None)
                yield from self._put(entity, fields, at_ms)

    def _keep(self, kept: Kept) -> None:
        entity, name = split_key(kept.key)
        if not name:
            self._entities.pop(entity, None)
            if kept.value is not None:
                self._entities[entity] = _Entity(kept.value, expire_at_ms=kept.expire_at_ms)
            return
        one = self._entities.get(entity)
        if one is None:
            if kept.value is None:
                return
            one = self._entities[entity] = _Entity()
        one.expire_at_ms = kept.expire_at_ms if kept.value is not None else one.expire_at_ms
        if kept.value is None:
            one.opened().pop(name, None)
        else:
            one.opened()[name] = kept.value

    def _put(self, entity: str, fields: Fields, at_ms: int | None) -> Iterator[Commit]:
        if not fields:
            return
        commit = self._commit
        commit.puts.setdefault(entity, {}).update(fields)
        self._entries += len(fields)
        self._bytes += sum(map(len, fields.values()))
        if at_ms is not None:
            commit.expire[entity] = at_ms + self._behind_ms
        else:
            self._arm(commit, entity, fields)
        if self._entries >= COMMIT_ENTRIES or self._bytes >= COMMIT_BYTES:
            self._commit, self._entries, self._bytes = self._new(), 0, 0
            yield commit

    def _arm(self, commit: Commit, entity: str, fields: Fields) -> None:
        timer_of, call_of = self._fold.timer, self._fold.hold
        before = len(commit.arm) + len(commit.holds)
        for name, data in fields.items():
            call = call_of(entity, name, data)
            if call is not None:
                commit.holds[call.call_id] = entry_of(call)
            timer = timer_of(entity, name, data)
            if timer is not None:
                commit.arm[timer_member(entity, timer[0])] = timer[1]
        self._entries += len(commit.arm) + len(commit.holds) - before

    def _new(self) -> Commit:
        return Commit(self._epoch, self._offset, self._offset, self._clock_ms)
