"""Earlier answers of models in Redis: bounded in bytes, least recently used out first, one call in flight for each.

All keys are in one hash slot, so that one script can hold the bounds: of a space (a workflow or node with
``max_size``), of an organisation, and of all. Every method raises ``Unavailable``; a caller can do without an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import CacheKeys
from connectors.redis.scripts import script
from schemas.settings import Cache

_TAKE = script("cache_take")
_STORE = script("cache_store")
_LEASE = script("cache_lease")
_PURGE = script("cache_purge")
_NEAR = script("cache_near")

#: A flight ends this long after the process that leads it died.
LEASE_MS = 5_000
#: Longer than a call can be in flight: one that began before a purge must find its mark.
_PURGE_MARK_MS = 86_400_000
MIB = 1024 * 1024
#: More texts of one partition would take longer to compare than they are likely to save.
PARTITION_MOST = 1_000

Counted = Literal["exact", "shared", "semantic"]
"""How a hit is counted: found at once, waited for, or of a text that means the same."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes of all entries and of those of one organisation, overhead included."""

    all_bytes: int = 256 * MIB
    org_bytes: int = 64 * MIB


BOUNDS = Bounds()


def bounds_of(settings: Cache) -> Bounds:
    """Return the bounds of a deployment."""
    return Bounds(all_bytes=settings.max_mb * MIB, org_bytes=settings.org_max_mb * MIB)


@dataclass(frozen=True, slots=True)
class Lookup:
    """One search for an answer. ``token`` names who asks; ``scopes`` are counted, and so is each hit of them."""

    org_id: str
    digest: str
    token: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """An earlier answer. ``saved_nano`` is the cost of the call that gave it."""

    kind: Literal["fresh", "stale"]
    body: bytes
    saved_nano: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Lead:
    """Nobody has an answer, or only ``stale``: the one who asked makes the call; the others wait for it."""

    began_ms: int
    stale: Hit | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Another one makes the call."""


@dataclass(frozen=True, slots=True)
class Near:
    """What an answer is compared by: its text with its vector as bytes, among the texts of one partition."""

    partition: str
    text: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The text of an answer. ``at_us`` is when it was stored, by which later ones are asked for."""

    digest: str
    at_us: int
    text: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Keep:
    """How an answer is stored: fresh for ``ttl_ms``, usable for ``stale_ms`` more.

    ``marks`` are scopes for purges alone. ``space`` is an own bound of ``space_bytes``; empty is none.
    """

    ttl_ms: int
    stale_ms: int = 0
    saved_nano: int = 0
    marks: tuple[str, ...] = ()
    space: str = ""
    space_bytes: int = 0
    near: Near | None = None


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed."""

    entries: int
    bytes: int


WAIT = Wait()
Args = list[bytes | str | int]


class RedisResponseCache:
    """Answers in Redis."""

    def __init__(self, redis: Redis, bounds: Bounds = BOUNDS, lease_ms: int = LEASE_MS) -> None:
        self._redis = redis
        self._bounds = bounds
        self._lease_ms = lease_ms
        self._take = redis.register_script(_TAKE)
        self._store = redis.register_script(_STORE)
        self._lease = redis.register_script(_LEASE)
        self._purge = redis.register_script(_PURGE)
        self._near = redis.register_script(_NEAR)

    @property
    def bounds(self) -> Bounds:
        """The most bytes that it has."""
        return self._bounds

    @property
    def lease_ms(self) -> int:
        """How long a flight lasts unless it is renewed."""
        return self._lease_ms

    async def take(self, look: Lookup, *, counted: Counted = "exact", may_lead: bool = True) -> Hit | Lead | Wait:
        """Return the answer, or who makes the call. A semantic hit takes back the miss that came before it."""
        keys = CacheKeys(look.org_id)
        who: Args = [keys.prefix, look.org_id, look.digest, look.token]
        args: Args = [*who, self._lease_ms, counted, int(may_lead), *look.scopes]
        with redis_errors("look up a cached answer"):
            reply = await self._take(keys=[keys.entry(look.digest), keys.lease(look.digest), keys.stats], args=args)
        match reply[0]:
            case b"fresh":
                return Hit("fresh", reply[1], int(reply[2]), reply[3])
            case b"stale":
                return Hit("stale", reply[1], int(reply[2]), reply[3])
            case b"refresh":
                return Lead(reply[4], Hit("stale", reply[1], int(reply[2]), reply[3]))
            case b"lead":
                return Lead(reply[1])
        return WAIT

    async def store(self, look: Lookup, began_ms: int, body: bytes, keep: Keep) -> bool:
        """Store the answer of a flight and end it; ``False`` when there is no room, or after a purge."""
        keys, bounds = CacheKeys(look.org_id), self._bounds
        args: Args = [keys.prefix, look.org_id, look.digest, look.token, began_ms, body, keep.ttl_ms]
        args += [keep.ttl_ms + keep.stale_ms, keep.saved_nano, "\n".join((*look.scopes, *keep.marks))]
        args += [keep.space and f"{look.org_id}|{keep.space}", keep.space_bytes, bounds.org_bytes, bounds.all_bytes]
        near = keep.near or Near("", "", b"")
        args += [near.partition, near.text, near.vector, PARTITION_MOST]
        with redis_errors("store an answer"):
            reply = await self._store(keys=[keys.entry(look.digest), keys.lease(look.digest), keys.stats], args=args)
        return bool(reply == b"stored")

    async def neighbours(self, org_id: str, partition: str, after_us: int) -> list[Neighbour]:
        """Return the texts of a partition that were stored after a time, oldest first."""
        keys = CacheKeys(org_id)
        with redis_errors("read the texts of answers"):
            args: Args = [keys.prefix, len(org_id.encode()) + 1, after_us]
            flat = iter(await self._near(keys=[keys.near(partition)], args=args))
        rows = zip(flat, flat, flat, flat, strict=True)
        return [Neighbour(digest.decode(), int(at), text.decode(), vector) for digest, at, text, vector in rows]

    async def renew(self, look: Lookup) -> bool:
        """Keep the lead of a flight; ``False`` when it is another's."""
        return await self._leased(look, self._lease_ms)

    async def release(self, look: Lookup) -> None:
        """End a flight without an answer; one that waits takes the lead."""
        await self._leased(look, 0)

    async def purge(self, org_id: str, scopes: Sequence[str]) -> Purged:
        """Remove an organisation's answers that have all scopes; without scopes all of them."""
        keys, cursor, entries, size = CacheKeys(org_id), b"0", 0, 0
        while True:
            with redis_errors("purge the cache"):
                args: Args = [keys.prefix, cursor, _PURGE_MARK_MS, *scopes]
                cursor, removed, removed_bytes = await self._purge(keys=[keys.lru, keys.purged], args=args)
            entries, size = entries + removed, size + removed_bytes
            if cursor == b"0":
                return Purged(entries, size)

    async def stats(self, org_id: str) -> dict[str, int]:
        """Return an organisation's counts, by ``<scope>|<what>``."""
        with redis_errors("read the cache's counts"):
            found = await self._redis.hgetall(CacheKeys(org_id).stats)
        return {name.decode(): int(value) for name, value in found.items() if isinstance(name, bytes)}

    async def size(self, org_id: str) -> int:
        """Return the bytes of an organisation's answers, overhead included."""
        keys = CacheKeys(org_id)
        with redis_errors("read the cache's size"):
            return int(await self._redis.hget(keys.bytes, f"o:{org_id}") or 0)

    async def _leased(self, look: Lookup, lease_ms: int) -> bool:
        with redis_errors("renew a call in flight"):
            keys = [CacheKeys(look.org_id).lease(look.digest)]
            return bool(await self._lease(keys=keys, args=[look.token, lease_ms]))
