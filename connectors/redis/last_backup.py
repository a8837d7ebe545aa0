"""The time of the last good backup, which every API shows as a metric. A lost Redis forgets it: then none is known."""

from typing import NamedTuple

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors

KEY = "{backup}:last"


class LastBackup(NamedTuple):
    """When a backup was cut, in milliseconds, how long it took, in seconds, and its bytes."""

    cut_at_ms: int
    took_s: float
    size: int


async def note_backup(redis: Redis, last: LastBackup) -> None:
    """Store it. Raises ``Unavailable``."""
    fields: list[str | int | float] = ["cut_at_ms", last.cut_at_ms, "took_s", last.took_s, "size", last.size]
    with redis_errors("note the backup"):
        await redis.hset(KEY, items=fields)


async def last_backup(redis: Redis) -> LastBackup | None:
    """Return the last one that was noted. Raises ``Unavailable``."""
    with redis_errors("read the time of the last backup"):
        found = await redis.hmget(KEY, "cut_at_ms", "took_s", "size")
    cut_at_ms, took_s, size = found
    if cut_at_ms is None or took_s is None or size is None:
        return None
    return LastBackup(int(cut_at_ms), float(took_s), int(size))
