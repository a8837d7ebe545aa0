"""The clock of a Redis server, by which scripts decide, and what they write of it."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

#: A time of one millisecond may be right by luck.
ROUNDS = 20


async def server_ms(redis: Redis) -> float:
    """Return the server's time in ms, to the microsecond."""
    seconds, micros = await redis.time()
    return float(seconds * 1000 + micros / 1000)


async def assert_times_are_the_servers(redis: Redis, stamp: Callable[[], Awaitable[float | bytes | None]]) -> None:
    """Fail unless every time in ms that ``stamp`` lets a script write, and returns, is that of the server."""
    for _ in range(ROUNDS):
        before = int(await server_ms(redis))
        at = float(await stamp() or 0)
        assert before <= at <= await server_ms(redis)


async def assert_lasts(redis: Redis, key: str, most_ms: int) -> None:
    """Fail unless a key expires in ``most_ms``, of which a tenth may have passed."""
    left_ms = await redis.pttl(key)
    assert 0.9 * most_ms <= left_ms <= most_ms, f"{key} lasts {left_ms} ms, not {most_ms}"
