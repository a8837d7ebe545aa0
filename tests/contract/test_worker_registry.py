"""The list of workers on a real Redis: who beats is listed by the server's time, and who is silent is forgotten."""

import uuid
from collections.abc import AsyncIterator

import orjson
import pytest
from redis.asyncio import Redis

from connectors.redis.worker_registry import BEAT_S, FORGOTTEN_AFTER_S, MISSED_BEATS, Said, WorkerRegistry
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers

SEEN, SAID = "{workers}:seen", "{workers}:said"
FORGOTTEN_MS = int(FORGOTTEN_AFTER_S * 1000)
PATIENCE_S = 30.0


@pytest.fixture
async def workers(redis: Redis) -> AsyncIterator[WorkerRegistry]:
    await redis.unlink(SEEN, SAID)
    yield WorkerRegistry(redis, PATIENCE_S)
    await redis.unlink(SEEN, SAID)


def said(name: str) -> Said:
    return Said(
        instance=f"{name}-{uuid.uuid4().hex}",
        id=name,
        lanes=("step-requests.gold",),
        concurrency=10,
        in_flight=2,
        version="1",
        started_ms=5,
    )


async def test_what_a_worker_says_is_listed_under_its_instance(workers: WorkerRegistry, redis: Redis) -> None:
    one, two = said("a"), said("b")
    await workers.beat(one)
    await workers.beat(two)
    listed = await workers.all()
    assert [(worker.said, worker.state) for worker in listed] == [(one, "live"), (two, "live")]
    assert set(await redis.hkeys(SAID)) == {one.instance.encode(), two.instance.encode()}


async def test_a_beat_replaces_what_was_said(workers: WorkerRegistry, redis: Redis) -> None:
    one = said("a")
    await workers.beat(one)
    await redis.hset(SAID, one.instance, orjson.dumps({"id": "a", "lanes": []}))
    await workers.beat(one)
    assert [worker.said for worker in await workers.all()] == [one]


async def test_a_worker_is_seen_at_the_servers_time(workers: WorkerRegistry, redis: Redis) -> None:
    one = said("a")

    async def seen() -> float:
        await workers.beat(one)
        return await redis.zscore(SEEN, one.instance) or 0.0

    await assert_times_are_the_servers(redis, seen)
    assert await redis.zcard(SEEN) == 1


async def test_the_list_lasts_no_longer_than_its_last_worker(workers: WorkerRegistry, redis: Redis) -> None:
    await workers.beat(said("a"))
    await assert_lasts(redis, SEEN, FORGOTTEN_MS)
    await assert_lasts(redis, SAID, FORGOTTEN_MS)


async def test_a_beat_forgets_who_was_silent_for_too_long_and_nobody_else(
    workers: WorkerRegistry, redis: Redis
) -> None:
    silent, lost, here = said("silent"), said("lost"), said("here")
    for one in (silent, lost):
        await workers.beat(one)
    await redis.zincrby(SEEN, -FORGOTTEN_MS - 1_000, silent.instance)
    await redis.zincrby(SEEN, -2_000 * MISSED_BEATS * BEAT_S, lost.instance)
    await workers.beat(here)
    assert [(worker.said.id, worker.state) for worker in await workers.all()] == [("here", "live"), ("lost", "lost")]
    there = {lost.instance.encode(), here.instance.encode()}
    assert set(await redis.zrange(SEEN, 0, -1)) == set(await redis.hkeys(SAID)) == there
