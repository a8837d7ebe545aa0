"""What tests of the response cache share: looks of one organisation, answers with all that they can have, and keys."""

import math

from redis.asyncio import Redis

from connectors.redis.keys import CacheKeys
from connectors.redis.response_cache import Keep, Lead, Lookup, Near, RedisResponseCache

ORG = "acme"
KEYS = CacheKeys(ORG)
SCOPES = ("all", "workflow=w")
HOUR_MS = 3_600_000
PLAIN = Keep(ttl_ms=HOUR_MS)
#: With everything that an answer can have.
FULL = Keep(
    ttl_ms=HOUR_MS,
    stale_ms=HOUR_MS,
    saved_nano=2**53 + 1,
    marks=("#tag:team=a",),
    space="w/n",
    space_bytes=10**6,
    near=Near("p", "some text", b"\x00\xff"),
)
BODY = b"x" * 999
LRU, UNTIL, SPACE_LRU, NEAR = "{cache}:lru", "{cache}:until", f"{{cache}}:lru:s:{ORG}|w/n", KEYS.near("p")


async def drop_all(redis: Redis) -> None:
    """Remove all answers."""
    async for key in redis.scan_iter("{cache}:*"):
        await redis.unlink(key)


def look(digest: str, token: str = "t") -> Lookup:
    """Return a search of the organisation."""
    return Lookup(ORG, digest, token, SCOPES)


def member(digest: str) -> str:
    """Return an answer's name in lists."""
    return f"{ORG}|{digest}"


def size_of(keep: Keep, digest: str = "d", body: bytes = BODY) -> int:
    """Return what an answer is counted as: its texts, what Redis needs beside them, and more for one that is near."""
    scopes = "\n".join((*SCOPES, *keep.marks))
    space = keep.space and f"{ORG}|{keep.space}"
    size = math.ceil(len(body) * 1.125) + len(scopes) + 5 * len(member(digest)) + 2 * len(space) + 700
    if keep.near is not None:
        size += len(keep.near.text) + len(keep.near.vector) + len(member(digest)) + 300
    return size


async def put(cache: RedisResponseCache, digest: str = "d", keep: Keep = PLAIN, body: bytes = BODY) -> bool:
    """Store an answer as its flight's leader."""
    lead = await cache.take(look(digest))
    assert isinstance(lead, Lead)
    return await cache.store(look(digest), lead.began_ms, body, keep)


async def has(redis: Redis, *digests: str) -> list[bool]:
    """Return which answers are there."""
    return [bool(await redis.exists(KEYS.entry(digest))) for digest in digests]


async def counts(redis: Redis, key: str) -> dict[str, int]:
    """Return a hash of numbers."""
    return {name.decode(): int(value) for name, value in (await redis.hgetall(key)).items()}
