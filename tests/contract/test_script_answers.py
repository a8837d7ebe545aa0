"""Scripts that answer 1 when they did it, and 0 when they did not, as their heads promise."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.leases import RedisLeases
from connectors.redis.claims.lent_attempts import LentAttempts
from connectors.redis.response_cache import RedisResponseCache

Args = Sequence[str | int]

CLAIMS: list[tuple[Callable[[Redis], AsyncScript], Args, Args]] = [
    (lambda redis: LentAttempts(redis, 12)._renew, ["w/s", 1, 60_000, 1, 1, 1], ["v/s", 1, 60_000, 1, 1, 1]),
    (lambda redis: LentAttempts(redis, 12)._finish, ["w/s", "result", 60_000], ["v/s", "result", 60_000]),
    (lambda redis: LentAttempts(redis, 12)._release, ["s", "topic"], ["other", "topic"]),
    (lambda redis: RedisLeases(redis, 12, "w", 60_000)._release, ["w/s"], ["v/s"]),
]


@pytest.fixture
async def key(redis: Redis) -> AsyncIterator[str]:
    key = f"{{test}}:{uuid.uuid4().hex}"
    yield key
    await redis.unlink(key)


@pytest.mark.parametrize(("script", "args", "others"), CLAIMS)
async def test_what_is_done_with_a_claim(
    redis: Redis, key: str, script: Callable[[Redis], AsyncScript], args: Args, others: Args
) -> None:
    await redis.hset(key, mapping={"state": "running", "owner": "w/s", "topic": "topic"})
    assert await script(redis)(keys=[key], args=others) == 0
    assert await script(redis)(keys=[key], args=args) == 1


async def test_what_is_done_with_a_flight(redis: Redis, key: str) -> None:
    run = RedisResponseCache(redis)._lease
    await redis.set(key, "mine")
    assert await run(keys=[key], args=["other", 60_000]) == 0
    assert await run(keys=[key], args=["mine", 60_000]) == 1
    assert await run(keys=[key], args=["mine", 0]) == 1
    assert await run(keys=[key], args=["mine", 0]) == 0


async def test_what_is_asked_of_a_queue(redis: Redis, key: str) -> None:
    keys = [key, f"{key}:queues", f"{key}:alive"]
    assert await LeaseDesk(redis)._ask(keys=keys, args=["queue", 60_000, 60_000, "request", 1]) == 1
    await redis.unlink(*keys)
