"""Workers as they are listed: on a real Redis, over HTTP, and when Redis is not there."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from connectors.redis.client import connect
from connectors.redis.worker_registry import (
    BEAT_S,
    FORGOTTEN_AFTER_S,
    MISSED_BEATS,
    Said,
    Seen,
    WorkerRegistry,
    current,
    state_of,
)
from streams.roles.worker.heartbeat import Heartbeat
from tests.support.api import Running, running, settings_for, unique, until_authenticated
from tests.support.polling import until_async

NOBODY = "redis://127.0.0.1:9"


def said(name: str, **more: object) -> Said:
    fields = {"instance": unique(name), "id": name, "lanes": ("step-requests.gold",), "concurrency": 10}
    return Said(**(fields | {"in_flight": 2, "version": "1", "started_ms": 5} | more))


class Voice:
    """Says that a worker is there, and counts how often it was asked to."""

    def __init__(self, name: str) -> None:
        self._said = said(name)
        self._count = 0

    def __call__(self, stopped: bool) -> Said:
        self._count += 1
        return replace(self._said, in_flight=self._count, stopped=stopped)

    async def heard(self, count: int) -> None:
        """Wait until it was asked so often."""
        await until_async(lambda: self._count >= count, 60, f"{count} beats", 0.01)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def age(redis: Redis, one: Said, seconds: float) -> None:
    """Let a worker have been heard of for the last time so long ago."""
    await redis.zincrby("{workers}:seen", -seconds * 1000, one.instance)


async def found(redis: Redis, *names: str) -> dict[str, Seen]:
    return {w.said.id: w for w in await WorkerRegistry(redis).all() if w.said.id in names}


async def test_a_worker_is_live_then_lost_then_gone(redis: Redis) -> None:
    one, seen = said(unique("w")), WorkerRegistry(redis)
    await seen.beat(one)
    assert (await found(redis, one.id))[one.id].said == one
    assert (await found(redis, one.id))[one.id].state == "live"
    await age(redis, one, BEAT_S * MISSED_BEATS + 1)
    assert (await found(redis, one.id))[one.id].state == "lost"
    await age(redis, one, FORGOTTEN_AFTER_S)
    assert await found(redis, one.id) == {}
    await seen.beat(said(unique("other")))
    assert await redis.hget("{workers}:said", one.instance) is None
    assert await redis.zscore("{workers}:seen", one.instance) is None


def test_an_heir_takes_the_place_of_a_lost_one_and_live_twins_both_show() -> None:
    def seen(state: str, **more: object) -> Seen:
        return Seen(said("w", **more), 0, state)

    old, new = seen("lost", started_ms=1), seen("live", started_ms=2)
    assert current([old, new]) == [new]
    assert len(current([new, seen("live", started_ms=3)])) == 2
    assert current([old, seen("stopped", started_ms=0)]) == [old]
    assert state_of(said("w", stopped=True), 0, 10**15) == "stopped"


async def test_the_heart_beats_and_its_last_beat_says_that_it_stops(redis: Redis) -> None:
    name = unique("w")
    voice = Voice(name)
    heart = Heartbeat(WorkerRegistry(redis), voice, every_s=0.01)
    heart.start()
    await voice.heard(3)
    assert (await found(redis, name))[name].state == "live"
    await heart.stop()
    await heart.stop()
    assert (await found(redis, name))[name].state == "stopped"


async def test_a_redis_that_is_down_is_said_once_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    client = Redis.from_url(NOBODY)
    voice = Voice("w")
    heart = Heartbeat(WorkerRegistry(client), voice, every_s=0.01)
    with caplog.at_level(logging.WARNING, "streams.roles.worker.heartbeat"):
        heart.start()
        await voice.heard(3)
        await heart.stop()
    await client.aclose()
    assert len(caplog.records) == 1


@pytest.fixture
async def api(dsn: str, redis_url: str) -> AsyncIterator[Running]:
    async with running(settings_for(dsn, redis_url)) as app:
        await until_authenticated(app)
        yield app


async def test_administrators_list_workers(api: Running, redis: Redis) -> None:
    one, other = said(unique("w")), said(unique("w"))
    await WorkerRegistry(redis).beat(one)
    await WorkerRegistry(redis).beat(replace(other, stopped=True))
    answer = (await api.client.get("/api/v1/workers")).json()
    assert (answer["lost_after_s"], answer["forgotten_after_s"]) == (9.0, 3600.0)
    listed = {w["id"]: w for w in answer["workers"]}
    shown = listed[one.id]
    assert (shown["state"], shown["in_flight"], shown["lanes"]) == ("live", 2, ["step-requests.gold"])
    assert shown["started_at"] == "1970-01-01T00:00:00.005Z"
    assert shown["last_seen_at"] > "2026"
    assert (listed[other.id]["state"], listed[other.id]["in_flight"]) == ("stopped", 0)
    key = (await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["read", "write"]})).json()["key"]
    async with api.as_key(key) as client:
        assert (await client.get("/api/v1/workers")).status_code == 403


async def test_queues_of_others_are_not_shown_with_a_worker_of_all(api: Running, redis: Redis) -> None:
    other = (await api.client.post("/api/v1/organisations", json={"id": unique("org")})).json()
    lanes = tuple(f"step-requests.{queue}" for queue in ("gold", f"{api.org_id}.files", f"{other['id']}.files"))
    both, theirs = replace(said(unique("w")), lanes=lanes), replace(said(unique("w")), lanes=lanes[1:2])
    for one in (both, theirs):
        await WorkerRegistry(redis).beat(one)
    async with api.as_key(other["key"]["key"]) as client:
        listed = {w["id"]: w["lanes"] for w in (await client.get("/api/v1/workers")).json()["workers"]}
    assert listed[both.id] == [lanes[0], lanes[2]]
    assert theirs.id not in listed
    shown = {w["id"]: w["lanes"] for w in (await api.client.get("/api/v1/workers")).json()["workers"]}
    assert shown[both.id] == list(lanes)


async def test_without_redis_the_list_is_unavailable(dsn: str) -> None:
    async with running(settings_for(dsn, NOBODY)) as app:
        await until_authenticated(app)
        assert (await app.client.get("/api/v1/workers")).status_code == 503
