"""Fenced tables in Redis: the engine's Table port. One Lua call is one commit, whole or not at all.

Everything of a partition is in one hash slot (see ``connectors.redis.keys``), so this works on a cluster. The position
is a hash ``epoch, incarnation, offset, clock, open_at``; a script reads it first and writes the offset last.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from typing import Any

import msgpack
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from connectors.ports.engine import Answer, Commit, Due, Position, Stored, Taken
from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from connectors.redis.scripts import script
from schemas.errors import Fenced, PositionLost

_TAKE = script("table_take")
_LOAD = script("table_load")
_DUMP = script("table_dump")
_DROP = script("table_drop")
_BEGIN = script("table_begin")
_OPEN = script("table_open")
_COMMIT = script("table_commit")
_STANDS = script("table_stands")

#: Entries in one HSET: Lua's ``unpack`` puts its values on a stack of about 8,000.
PUT_CHUNK = 2_000
#: How long money stays closed after a replica took over that has all commits. Holds since the last may be lost: the log
#: puts each back with the start of its call, which is appended at once after the hold.
SETTLE_MS = 1_000
#: Keys in one call of a sweep over a partition; Redis serves nobody else while it runs.
SWEEP = 1_000


class RedisTable:
    """One fenced table, e.g. ``runs``; see ``connectors.ports.engine.Table``.

    ``foreign_timers`` says that the timers are set by others (holds), so that a restore must not drop them.
    """

    def __init__(self, redis: Redis, name: str, *, foreign_timers: bool = False) -> None:
        self._redis = redis
        self._name = name
        self._foreign_timers = foreign_timers
        self._slots: dict[int, Slot] = {}
        self._take = redis.register_script(_TAKE)
        self._load = redis.register_script(_LOAD)
        self._dump = redis.register_script(_DUMP)
        self._drop = redis.register_script(_DROP)
        self._begin = redis.register_script(_BEGIN)
        self._open = redis.register_script(_OPEN)
        self._commit = redis.register_script(_COMMIT)
        self._stands = redis.register_script(_STANDS)

    async def take(self, partition: int, incarnation: str) -> Taken:
        """Raise the partition's epoch and return where it stands."""
        with redis_errors(f"take {self._name}/{partition}"):
            reply = await self._take(keys=[self._slot(partition).position], args=[incarnation])
        if len(reply) < 3:
            return Taken(int(reply[0]), None, *(other.decode() for other in reply[1:]))
        return Taken(int(reply[0]), Position(int(reply[1]), int(reply[2])))

    async def begin(self, partition: int, epoch: int, incarnation: str, position: Position) -> Answer:
        """Drop what the fold had written for the partition and set its position.

        Claims and holds stay: they are not the fold's, and work in flight lives by them. Every step checks the
        epoch, so a stale owner drops nothing of its new owner.
        """
        slot = self._slot(partition)
        with redis_errors(f"begin {self._name}/{partition}"):
            first = [slot.counters, slot.exemplars, *([] if self._foreign_timers else [slot.timers])]
            answer = await self._drop_keys(slot, epoch, first)
            async for keys in self._sweep(slot.entity("*")):
                if answer is not Answer.OK:
                    return answer
                answer = await self._drop_keys(slot, epoch, keys)
            if answer is not Answer.OK:
                return answer
            args: list[int | str] = [epoch, incarnation, position.offset, position.clock_ms]
            return Answer((await self._begin(keys=[slot.position], args=args)).decode())

    async def _drop_keys(self, slot: Slot, epoch: int, keys: Sequence[str | bytes]) -> Answer:
        return Answer((await self._drop(keys=[slot.position, *keys], args=[epoch])).decode())

    async def load(
        self, partition: int, epoch: int, entities: Sequence[str], since: int = 0
    ) -> dict[str, dict[str, bytes]]:
        """Return the entries of entities. Raises ``Fenced`` or ``PositionLost``."""
        offset, *found = await self._read(self._load, partition, epoch, self._keys(partition, entities))
        if int(offset) < since:
            raise PositionLost(f"{self._name}/{partition} went back from offset {since} to {int(offset)}")
        return {entity: _pairs(flat) for entity, flat in zip(entities, found, strict=True)}

    async def stands(self, partition: int, epoch: int, committed: int | None = None) -> int:
        """Return the stored offset. Raises ``Fenced`` or ``PositionLost``.

        With ``committed`` a partition that a replica took over is opened again, if it is not behind that offset.
        """
        keys, args = [self._slot(partition).position], [epoch, "" if committed is None else committed, SETTLE_MS]
        with redis_errors(f"stand of {self._name}/{partition}"):
            reply = await self._stands(keys=keys, args=args)
        return int(self._ours(reply, partition)[0])

    async def counted(self, partition: int, epoch: int) -> dict[str, float]:
        """Return the partition's counters. Raises ``Fenced`` or ``PositionLost``."""
        _, flat = await self._read(self._load, partition, epoch, [self._slot(partition).counters])
        return {name: float(value) for name, value in _pairs(flat).items()}

    async def dump(self, partition: int, epoch: int, entities: Sequence[str]) -> tuple[int, dict[str, Stored]]:
        """Return the offset and entities as of it. Raises ``Fenced`` or ``PositionLost``."""
        keys = self._keys(partition, entities)
        offset, now_ms, *found = await self._read(self._dump, partition, epoch, keys)
        stored = (Stored(_pairs(flat), now_ms + left if left >= 0 else None) for flat, left in found)
        return int(offset), dict(zip(entities, stored, strict=True))

    async def entities(self, partition: int) -> AsyncIterator[list[str]]:
        """Yield the names of all entities that are there throughout, some perhaps twice."""
        prefix = self._slot(partition).entity("")
        with redis_errors(f"entities of {self._name}/{partition}"):
            async for keys in self._sweep(f"{prefix}*"):
                yield [(key if isinstance(key, str) else key.decode()).removeprefix(prefix) for key in keys]

    def _keys(self, partition: int, entities: Sequence[str]) -> list[str]:
        slot = self._slot(partition)
        return [slot.entity(entity) for entity in entities]

    async def _read(self, script: AsyncScript, partition: int, epoch: int, keys: Sequence[str]) -> list[Any]:
        with redis_errors(f"load {self._name}/{partition}"):
            reply: list[Any] = await script(keys=[self._slot(partition).position, *keys], args=[epoch])
        return self._ours(reply, partition)

    def _ours(self, reply: list[Any], partition: int) -> list[Any]:
        if reply[0] == b"fenced":
            raise Fenced(f"{self._name}/{partition} has another owner")
        if reply[0] == b"lost":
            raise PositionLost(f"{self._name}/{partition} has no position")
        return reply

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Validate, then write everything and, last, the offset."""
        slot = self._slot(partition)
        head: list[int | str] = [slot.prefix, commit.epoch, commit.expected, commit.offset, commit.clock_ms]
        with redis_errors(f"commit {self._name}/{partition}"):
            reply = await self._commit(keys=[slot.position], args=[*head, _pack(commit)])
        return Answer(reply.decode())

    async def due(self, partition: int, until_ms: int, limit: int) -> list[Due]:
        """Return the armed timers due by ``until_ms``, soonest first."""
        with redis_errors(f"timers of {self._name}/{partition}"):
            found: list[Any] = await self._redis.zrangebyscore(
                self._slot(partition).timers, "-inf", until_ms, start=0, num=limit, withscores=True
            )
        return [Due(member.decode(), int(score)) for member, score in found]

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """Say from when on others may trust the table."""
        with redis_errors(f"open {self._name}/{partition}"):
            reply = await self._open(keys=[self._slot(partition).position], args=[epoch, open_at_ms])
        return Answer(reply.decode())

    # What operators do, without an epoch

    async def forget(self, partition: int) -> None:
        """Drop where the partition stands, so that its owner restores it. Its epoch stays, so old owners do."""
        with redis_errors(f"forget {self._name}/{partition}"):
            await self._redis.hdel(self._slot(partition).position, "offset", "open_at", "incarnation")

    async def offset(self, partition: int) -> int | None:
        """Return where the partition stands; ``None`` while it has no position."""
        with redis_errors(f"position of {self._name}/{partition}"):
            found: Any = await self._redis.hget(self._slot(partition).position, "offset")
        return None if found is None else int(found)

    async def entries(self, partition: int, entity: str) -> dict[str, bytes]:
        """Return an entity's entries as they are stored now."""
        with redis_errors(f"read {self._name}/{partition}"):
            found: dict[Any, Any] = await self._redis.hgetall(self._slot(partition).entity(entity))
        return {name.decode(): value for name, value in found.items()}

    def _slot(self, partition: int) -> Slot:
        slot = self._slots.get(partition)
        if slot is None:
            slot = self._slots[partition] = Slot(self._name, partition)
        return slot

    async def _sweep(self, pattern: str) -> AsyncIterator[list[bytes | str]]:
        cursor = 0
        while True:
            cursor, keys = await self._redis.scan(cursor, match=pattern, count=SWEEP)
            if keys:
                yield keys
            if cursor == 0:
                return


def _pack(commit: Commit) -> bytes:
    """Encode the changes with strings as msgpack's old raw type, the only one that Redis' cmsgpack reads."""
    changes = {
        "puts": [put for entity, entries in commit.puts.items() for put in _split(entity, entries)],
        "drops": commit.drops,
        "expire": commit.expire,
        "arm": commit.arm,
        "disarm": commit.disarm,
        "holds": [[str(part) if isinstance(part, int) else part for part in hold] for hold in commit.holds.values()],
        "releases": commit.releases,
        "counters": commit.counters,
        "exemplars": commit.exemplars,
    }
    packed: bytes = msgpack.packb(changes, use_bin_type=False)
    return packed


def _split(entity: str, entries: dict[str, bytes]) -> Iterator[tuple[str, list[str | bytes]]]:
    if len(entries) <= PUT_CHUNK:
        yield entity, list(chain.from_iterable(entries.items()))
        return
    items = list(entries.items())
    for start in range(0, len(items), PUT_CHUNK):
        yield entity, list(chain.from_iterable(items[start : start + PUT_CHUNK]))


def _pairs(flat: list[bytes]) -> dict[str, bytes]:
    names = iter(flat)
    return {name.decode(): value for name, value in zip(names, names, strict=True)}
