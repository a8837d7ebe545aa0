"""Calls that are made once for many processes, of which one dies."""

import asyncio

import pytest

from bench.caching.shared import start
from bench.caching.stage import MADE, Caller

LEASE_MS = 1_000


@pytest.fixture
async def caller(redis_url: str):
    caller = Caller(redis_url, lease_ms=LEASE_MS)
    await forget(caller)
    yield caller
    await forget(caller)
    await caller.close()


async def forget(caller: Caller) -> None:
    keys = [key async for key in caller.redis.scan_iter("{cache}:*bench*")]
    await caller.redis.unlink(MADE, "{cache}:lru", "{cache}:until", "{cache}:bytes", *keys)


async def test_a_hundred_equal_calls_at_once_make_one(caller: Caller, redis_url: str) -> None:
    # No lease runs out here: on a busy machine its owner may not run for a second, and another one would call, too.
    others = [Caller(redis_url, lease_ms=60_000) for _ in range(4)]
    try:
        answers = await asyncio.gather(*(others[n % 4].call(0, f"call-{n}") for n in range(100)))
    finally:
        for other in others:
            await other.close()
    assert int(await caller.redis.get(MADE) or 0) == 1
    assert sum(answer.cached for answer in answers) == 99


async def test_the_death_of_the_leader_hands_over_to_one_that_waits(caller: Caller, redis_url: str) -> None:
    leader = start(redis_url, "--hang", "--name", "leader", "--lease-ms", str(LEASE_MS))
    assert leader.stdout is not None
    try:
        assert await asyncio.to_thread(leader.stdout.readline) == "leading\n"
        waiting = [asyncio.create_task(caller.call(0, f"call-{n}")) for n in range(20)]
        # The leader lives, and renews its lease: everybody waits.
        await asyncio.sleep(2 * LEASE_MS / 1000)
        assert not any(task.done() for task in waiting)
    finally:
        leader.kill()
        leader.communicate()
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert int(await caller.redis.get(MADE) or 0) == 2
    assert sum(answer.cached for answer in answers) == 19
