"""Keys over HTTP: expiry, rotation, changes, rate limits, last use, and revocation in another process."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api.auth import REMEMBER_S
from connectors.redis.request_rates import RequestRates
from schemas.errors import Unavailable
from tests.support.api import SUBMISSION, Running, running

KEYS = "/api/v1/keys"
WORKFLOWS = "/api/v1/workflows"


async def made(api: Running, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(KEYS, json={"name": "some", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def status(api: Running, key: str, path: str = WORKFLOWS) -> int:
    async with api.as_key(key) as client:
        return (await client.get(path)).status_code


async def test_whoami_says_what_the_key_is(api: Running) -> None:
    found = (await api.client.get("/api/v1/whoami")).json()
    assert (found["kind"], found["organisation"], found["platform"]) == ("key", api.org_id, True)
    later = datetime.now(UTC) + timedelta(days=1)
    key = await made(
        api,
        permissions=["admin"],
        scopes=["workflow:b", "gateway"],
        expires_at=later.isoformat(),
        requests_per_minute=600,
    )
    async with api.as_key(key["key"]) as client:
        found = (await client.get("/api/v1/whoami")).json()
    assert found == {
        "kind": "key",
        "key_id": key["id"],
        "organisation": api.org_id,
        "project": None,
        "permissions": ["admin"],
        "scopes": ["gateway", "workflow:b"],
        "platform": False,
        "expires_at": key["expires_at"],
        "requests_per_minute": 600,
    }


async def test_key_that_expires_stops_then(api: Running) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    key = await made(api, expires_at=soon.isoformat())
    assert await status(api, key["key"]) == 200
    conn = await asyncpg.connect(api.postgres_dsn)
    await conn.execute("UPDATE api_key SET expires_at = now() - interval '1 ms' WHERE id = $1", key["id"])
    await conn.close()
    api.app.state.services.access.authenticator.forget(key["id"])
    async with api.as_key(key["key"]) as client:
        answer = await client.get(WORKFLOWS)
    assert (answer.status_code, "expired" in answer.json()["detail"]) == (401, True)


async def test_expiry_in_the_past_is_refused(api: Running) -> None:
    answer = await api.client.post(KEYS, json={"name": "x", "expires_at": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "expires_at")


async def test_rotation_gives_a_new_secret_and_lets_the_old_one_overlap(api: Running) -> None:
    key = await made(api)
    new = (await api.client.post(f"{KEYS}/{key['id']}/rotate", json={"overlap_s": 3600})).json()
    assert (new["id"], new["key"] != key["key"]) == (key["id"], True)
    assert new["old_secret_until"] is not None
    assert [await status(api, one["key"]) for one in (key, new)] == [200, 200]
    newest = (await api.client.post(f"{KEYS}/{key['id']}/rotate")).json()
    assert [await status(api, one["key"]) for one in (key, new, newest)] == [401, 401, 200]
    assert (await api.client.post(f"{KEYS}/unknown/rotate")).status_code == 404


async def test_bootstrap_key_is_neither_rotated_nor_changed(api: Running) -> None:
    (own,) = (await api.client.get(KEYS)).json()["keys"]
    assert (await api.client.post(f"{KEYS}/{own['id']}/rotate")).status_code == 409
    assert (await api.client.patch(f"{KEYS}/{own['id']}", json={"name": "x"})).status_code == 409


async def test_change_applies_to_the_next_request(api: Running) -> None:
    key = await made(api, permissions=["read"], requests_per_minute=600)
    assert await status(api, key["key"]) == 200
    path = f"{KEYS}/{key['id']}"
    changed = (await api.client.patch(path, json={"permissions": ["write"], "requests_per_minute": None})).json()
    assert (changed["permissions"], changed["requests_per_minute"]) == (["write"], None)
    assert await status(api, key["key"]) == 403
    assert (await api.client.patch(path, json={"name": None})).status_code == 422
    assert (await api.client.patch(path, json={})).json()["name"] == "some"
    assert (await api.client.get(path)).json()["permissions"] == ["write"]


async def test_permissions_have_one_order_however_they_are_written(api: Running) -> None:
    mixed = ["admin", "read", "write"]
    key = await made(api, permissions=mixed)
    changed = (await api.client.patch(f"{KEYS}/{key['id']}", json={"permissions": mixed})).json()
    assert key["permissions"] == changed["permissions"] == ["read", "write", "admin"]


async def test_rate_limit_answers_429_and_says_when_to_retry(api: Running) -> None:
    key = await made(api, requests_per_minute=12)
    async with api.as_key(key["key"]) as client:
        answers = [await client.get(WORKFLOWS) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    assert answers[2].json()["type"] == "urn:agentflow:problem:rate-limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 5


async def test_rate_is_counted_over_processes(api: Running) -> None:
    key = await made(api, requests_per_minute=12)
    async with running(api.settings) as other:
        found = [await status(one, key["key"]) for one in (api, other, api, other)]
    assert found == [200, 200, 429, 429]


async def test_submission_is_counted_once(api: Running) -> None:
    key = await made(api, requests_per_minute=12)
    async with api.as_key(key["key"]) as client:
        answers = [await client.post("/api/v1/workflows/runs", json={"bad": 1}) for _ in range(3)]
    assert [one.status_code for one in answers] == [422, 422, 429]


async def test_request_passes_while_redis_does_not_answer(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> int:
        raise Unavailable("redis", "does not answer")

    monkeypatch.setattr(RequestRates, "wait_ms", down)
    key = await made(api, requests_per_minute=1)
    assert [await status(api, key["key"]) for _ in range(3)] == [200] * 3


async def test_last_use_is_shown(api: Running) -> None:
    key = await made(api)
    assert key["last_used_at"] is None
    assert await status(api, key["key"]) == 200
    await api.app.state.services.access.authenticator.uses.flush()
    assert (await api.client.get(f"{KEYS}/{key['id']}")).json()["last_used_at"] is not None


async def test_revoked_key_stops_in_another_process_within_five_seconds(api: Running) -> None:
    key = await made(api)
    async with running(api.settings) as other:
        assert await status(other, key["key"]) == 200
        await api.client.delete(f"{KEYS}/{key['id']}")
        revoked = time.monotonic()
        while await status(other, key["key"]) == 200:
            assert time.monotonic() - revoked < REMEMBER_S + 1
            await asyncio.sleep(0.1)


async def test_open_stream_ends_when_its_key_is_revoked(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.admitted.CHECK_S", 0.05)
    await api.define_greeting()
    run = (await api.client.post("/api/v1/workflows/runs", json=SUBMISSION)).json()["id"]
    key = await made(api)
    async with api.as_key(key["key"]) as client:
        following = asyncio.create_task(client.get(f"/api/v1/workflows/runs/{run}/events"))
        await asyncio.sleep(0.2)
        assert not following.done()
        await api.client.delete(f"{KEYS}/{key['id']}")
        async with asyncio.timeout(30):
            answer = await following
    assert (answer.status_code, b"event: run" in answer.content, b"event: end" in answer.content) == (200, True, False)
