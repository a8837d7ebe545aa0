"""A table of runs without an orchestrator: attempts are claimed only while it has a position."""

from redis.asyncio import Redis

from connectors.redis.keys import Slot


async def open_runs(redis: Redis, partitions: int) -> None:
    """Give every partition of the table of runs a position, unless it has one."""
    for partition in range(partitions):
        await redis.hsetnx(Slot("runs", partition).position, "offset", "0")
