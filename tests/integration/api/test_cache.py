"""Cached answers over HTTP: counts by scope, and purges."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.response_cache import Keep, Lead, Lookup, RedisResponseCache
from services.caching.scopes import marks_of, scopes_of
from tests.support.api import Running, running, settings_for, until_authenticated

CACHE, PURGE = "/api/v1/cache", "/api/v1/cache/purge"


@pytest.fixture
async def api(dsn: str, redis_url: str) -> AsyncIterator[Running]:
    async with running(settings_for(dsn, redis_url)) as found:
        await until_authenticated(found)
        yield found


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[RedisResponseCache]:
    redis = Redis.from_url(redis_url)
    yield RedisResponseCache(redis)
    await redis.aclose()


async def put(cache: RedisResponseCache, org_id: str, digest: str, version: int) -> Lookup:
    look = Lookup(org_id, digest, digest, scopes_of("local/m", "flow", "ask"))
    lead = await cache.take(look)
    assert isinstance(lead, Lead)
    marks = marks_of("ask", version, {"team": "a"})
    assert await cache.store(look, lead.began_ms, b"answer", Keep(ttl_ms=60_000, saved_nano=1_250_000, marks=marks))
    return look


async def test_counts_are_by_scope_and_of_the_own_organisation(api: Running, cache: RedisResponseCache) -> None:
    empty = (await api.client.get(CACHE)).json()
    assert empty | {"max_bytes": 0} == {
        **dict.fromkeys(("hits", "misses", "entries", "bytes", "max_bytes"), 0),
        "saved_usd": "0",
        "hits_by_kind": {},
        "scopes": [],
    }
    await cache.take(await put(cache, api.org_id, "a", 1))
    await put(cache, "another", "a", 1)
    found = (await api.client.get(CACHE)).json()
    assert (found["hits"], found["misses"], found["entries"], found["saved_usd"]) == (1, 1, 1, "0.00125")
    assert found["hits_by_kind"] == {"exact": 1}
    assert [(one["kind"], one["name"]) for one in found["scopes"]] == [
        ("workflow", "flow"),
        ("prompt", "ask"),
        ("model", "local/m"),
    ]
    assert all(one["saved_usd"] == "0.00125" and one["bytes"] == found["bytes"] > 0 for one in found["scopes"])


@pytest.mark.parametrize(
    ("body", "removed"),
    [
        ({"prompt": "ask"}, 2),
        ({"prompt": "ask@2"}, 1),
        ({"model": "local/m", "tags": {"team": "a"}}, 2),
        ({"workflow": "flow", "tags": {"team": "b"}}, 0),
        ({"all": True}, 2),
    ],
)
async def test_a_purge_removes_what_matches_all(
    api: Running, cache: RedisResponseCache, body: dict[str, Any], removed: int
) -> None:
    await put(cache, api.org_id, "a", 1)
    await put(cache, api.org_id, "b", 2)
    answer = await api.client.post(PURGE, json=body)
    assert (answer.status_code, answer.json()["entries"]) == (200, removed)
    assert (await api.client.get(CACHE)).json()["entries"] == 2 - removed
    await cache.purge(api.org_id, [])


@pytest.mark.parametrize("body", [{}, {"all": False}, {"all": True, "prompt": "ask"}, {"model": "m"}, {"promt": "ask"}])
async def test_a_purge_that_says_not_what_is_refused(api: Running, body: dict[str, Any]) -> None:
    answer = await api.client.post(PURGE, json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["fix"]
