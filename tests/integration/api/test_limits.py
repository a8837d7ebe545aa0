"""Limits of running runs over HTTP: stored, on their way to the table, and told to who submits and who asks why."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.keys import Slot
from schemas.records.run_events import RunSubmitted
from schemas.tables.admissions import (
    POOL,
    POSITION,
    QUEUES,
    Limits,
    Organisation,
    Pool,
    Queue,
    RunPosition,
    encode,
    limits_field,
    organisation_field,
    project_field,
    queue_field,
    queue_name,
    run_entity,
    workflow_field,
)
from tests.support.api import (
    DEADLINE_S,
    INPUTS,
    SUBMISSION,
    MemoryLog,
    Running,
    running,
    settings_for,
    until_authenticated,
)
from tests.support.history import view_of, write_views
from topics.catalogue import ADMISSIONS, RUN_EVENTS

LIMITS, RUNS = "/api/v1/limits", "/api/v1/workflows/runs"
FLOW = "greeting"


@pytest.fixture
async def api(dsn: str, redis_url: str) -> AsyncIterator[Running]:
    async with running(settings_for(dsn, redis_url)) as found:
        await until_authenticated(found)
        await found.define_greeting()
        yield found


async def said(api: Running, count: int) -> list[Any]:
    """Wait until so many limits of the organisation are on the topic."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = [r for r in api.log.decoded(ADMISSIONS) if r.org_id == api.org_id]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def submit(api: Running, **more: Any) -> RunSubmitted:
    (await api.client.post(RUNS, json=SUBMISSION | more)).raise_for_status()
    record: RunSubmitted = api.log.decoded(RUN_EVENTS)[-1]
    return record


async def test_limits_are_set_said_and_taken_away(api: Running) -> None:
    assert (await api.client.get(LIMITS)).json()["max_running_runs"] is None
    put = await api.client.put(LIMITS, json={"max_running_runs": 5, "workflows": {FLOW: 2}})
    assert put.status_code == 200, put.text
    assert put.json() == (await api.client.get(LIMITS)).json()
    body = put.json()
    assert (body["max_running_runs"], body["running"], body["waiting"]) == (5, 0, 0)
    assert body["workflows"] == {FLOW: {"max_running_runs": 2, "running": 0}}
    (first,) = await said(api, 1)
    assert (first.max_running_runs, first.workflows) == (5, {FLOW: 2})
    assert (await api.client.put(LIMITS, json={"max_running_runs": 5, "workflows": {FLOW: 2}})).status_code == 200
    gone = await api.client.delete(LIMITS)
    assert (gone.json()["max_running_runs"], gone.json()["workflows"]) == (None, {})
    _, second = await said(api, 2)
    assert (second.max_running_runs, second.workflows) == (None, {})
    assert second.version > first.version


async def test_a_projects_limit_is_set_and_published(api: Running) -> None:
    (await api.client.post("/api/v1/projects", json={"id": "web", "name": "Web"})).raise_for_status()
    put = await api.client.put(LIMITS, json={"projects": {"web": 1}})
    assert put.status_code == 200, put.text
    assert put.json() == (await api.client.get(LIMITS)).json()
    assert put.json()["projects"] == {"web": {"max_running_runs": 1, "running": 0}}
    (first,) = await said(api, 1)
    assert (first.max_running_runs, first.workflows, first.projects) == (None, {}, {"web": 1})
    assert (await submit(api)).turns, "an organisation with a project's limit is under admission"
    refused = await api.client.put(LIMITS, json={"projects": {"wbe": 1}})
    assert "there is no project 'wbe'" in refused.text
    assert "web" in refused.text, "the fix names the similar one"


async def test_a_broker_that_is_away_takes_no_act_so_nothing_is_set(dsn: str, redis_url: str) -> None:
    log = MemoryLog(down=True)
    async with running(settings_for(dsn, redis_url), log) as api:
        await until_authenticated(api)
        before = (await api.client.get(LIMITS)).json()
        refused = await api.client.put(LIMITS, json={"max_running_runs": 1})
        assert refused.status_code == 503, "an act that is not in the audit log must not take effect"
        assert (await api.client.get(LIMITS)).json() == before
        log.down = False
        assert (await api.client.put(LIMITS, json={"max_running_runs": 1})).status_code == 200
        assert (await said(api, 1))[0].max_running_runs == 1


@pytest.mark.parametrize(
    "body",
    [
        {"max_running_runs": -1},
        {"max_running_runs": "5"},
        {"workflows": {"a/b": 1}},
        {"projects": {"a@b": 1}},
        {"projects": {"unknown": 1}},
        {"x": 1},
    ],
)
async def test_what_is_no_limit_is_refused(api: Running, body: dict[str, Any]) -> None:
    assert (await api.client.put(LIMITS, json=body)).status_code == 422


async def test_a_key_that_may_only_read_sets_nothing(api: Running) -> None:
    made = (await api.client.post("/api/v1/keys", json={"name": "r", "permissions": ["read"]})).json()
    async with api.as_key(made["key"]) as reader:
        assert (await reader.get(LIMITS)).status_code == 200
        assert (await reader.put(LIMITS, json={})).status_code == 403
        assert (await reader.delete(LIMITS)).status_code == 403


async def test_runs_wait_for_their_turn_while_there_are_limits(api: Running) -> None:
    before = await submit(api)
    assert not before.turns
    await api.client.put(LIMITS, json={"workflows": {FLOW: 2}})
    during = await submit(api)
    assert during.turns
    await api.client.delete(LIMITS)
    after = await submit(api)
    assert after.turns == before.turns


async def test_limits_set_by_another_process_are_known_within_their_time(api: Running) -> None:
    assert not (await submit(api)).turns
    await api.app.state.services.limits.stored.put(api.org_id, 1, {})
    async with asyncio.timeout(DEADLINE_S):
        while not (await submit(api)).turns:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.1)
    assert api.org_id in await api.app.state.services.limits.stored.limited()


async def test_with_a_pool_every_run_waits_for_its_turn(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url, ADMISSION_POOL="3")) as api:
        await until_authenticated(api)
        await api.define_greeting()
        assert (await submit(api)).turns


async def test_a_restarted_run_waits_for_its_turn_too(api: Running) -> None:
    await api.client.put(LIMITS, json={"max_running_runs": 2})
    record = await submit(api)
    await write_views(api.postgres_dsn, view_of(record, "canceled", ()))
    answer = await api.client.post(f"{RUNS}/{record.run_id}/fork", json={"inputs": INPUTS})
    assert answer.status_code == 202, answer.text
    assert api.log.decoded(RUN_EVENTS)[-1].turns


async def test_a_queued_run_says_what_is_full(api: Running, redis_url: str) -> None:
    org = api.org_id
    await api.client.put(LIMITS, json={"max_running_runs": 4, "workflows": {FLOW: 2}})
    record = await submit(api)
    await write_views(api.postgres_dsn, view_of(record, "queued", ()))
    assert (await waiting(api, record))["kind"] == "admission"
    redis, slot = Redis.from_url(redis_url), Slot("admissions", 0)
    await redis.hset(slot.entity(run_entity(record.run_id)), POSITION, encode(RunPosition(org, FLOW, 7)))

    async def table(running_: int, of_flow: int, pool: Pool, head: int = 4) -> None:
        entries = {
            POOL: encode(pool),
            organisation_field(org): encode(Organisation(running_, 3, False, (FLOW,))),
            limits_field(org): encode(Limits(1, 4, {FLOW: 2})),
            queue_field(org, FLOW): encode(Queue(head, 8, of_flow, 3, 0)),
        }
        await redis.hset(slot.entity(QUEUES), mapping=entries)

    try:
        await table(2, 2, Pool())
        found = await waiting(api, record)
        assert (found["kind"], found["on"]) == ("concurrency", f"workflow {FLOW}")
        assert "has 2 of 2 runs running; at most 3 runs" in found["detail"]
        shown = (await api.client.get(LIMITS)).json()
        assert (shown["running"], shown["waiting"], shown["workflows"][FLOW]["running"]) == (2, 3, 2)
        await table(4, 1, Pool(), head=7)
        found = await waiting(api, record)
        assert (found["on"], found["detail"][:41]) == ("organisation", "organisation has 4 of 4 runs running; it ")
        await table(1, 1, Pool(9, 9, 3, ("other", org)))
        found = await waiting(api, record)
        assert found["on"] == "pool"
        assert "9 of 9 runs running; 1 other organisations are served before this one" in found["detail"]
        await table(1, 1, Pool(), head=8)
        assert "is admitted" in (await waiting(api, record))["detail"]
        name = queue_name(FLOW, "web")
        await redis.hset(slot.entity(run_entity(record.run_id)), POSITION, encode(RunPosition(org, name, 7)))
        entries = {
            POOL: encode(Pool()),
            organisation_field(org): encode(Organisation(3, 3, False, (name,))),
            limits_field(org): encode(Limits(2, None, {FLOW: 4}, {"web": 1})),
            queue_field(org, FLOW): encode(Queue(2, 2, 2, 0, 0)),
            queue_field(org, name): encode(Queue(5, 8, 1, 3, 0)),
            workflow_field(org, FLOW): encode(1),
            project_field(org, "web"): encode(1),
        }
        await redis.hset(slot.entity(QUEUES), mapping=entries)
        found = await waiting(api, record)
        assert (found["kind"], found["on"]) == ("concurrency", "project web")
        assert "has 1 of 1 runs running; at most 2 runs of its workflow and project" in found["detail"]
        shown = (await api.client.get(LIMITS)).json()
        assert shown["workflows"][FLOW]["running"] == 3, "runs of projects are the workflow's, too"
    finally:
        await redis.delete(slot.entity(QUEUES), slot.entity(run_entity(record.run_id)))
        await redis.aclose()


async def waiting(api: Running, record: RunSubmitted) -> dict[str, Any]:
    answer = await api.client.get(f"{RUNS}/{record.run_id}/waiting")
    found: dict[str, Any] = answer.json()["waiting"]
    return found
