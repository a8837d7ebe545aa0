"""Runs whose inputs are too large for their record: over HTTP, as CloudEvents, read, restarted and forked."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from redis.asyncio import Redis

from api.http.body_limit import MAX_BODY_BYTES, MAX_LARGE_IN_FLIGHT
from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from schemas.cloudevents.submission import EVENT_TYPE
from schemas.records.run_events import RunSubmitted
from schemas.settings import Settings
from tests.support.api import Running, running, settings_for, unique, until_authenticated
from tests.support.history import view_of, write_views
from tests.support.ingress import ingress_of
from topics.catalogue import RUN_EVENTS, submissions_topic

RUNS = "/api/v1/workflows/runs"
MOST = 3 * 1024 * 1024
ROWS = [f"{number:05} " + "x" * 190 for number in range(10_000)]
MERGE = {"id": "a", "type": "function", "config": {"function_name": "result_merger"}}


@pytest.fixture
def settings(dsn: str, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(dsn, redis_url, OBJECTS_DIR=str(tmp_path), MAX_INPUTS_BYTES=str(MOST))


async def flow(api: Running, *nodes: dict[str, Any]) -> str:
    name = unique("flow")
    document = {"name": name, "version": 1, "dag": {"nodes": list(nodes) or [MERGE], "edges": []}}
    (await api.client.post("/api/v1/workflows", json=document)).raise_for_status()
    return name


async def submit(api: Running, name: str, inputs: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.client.post(RUNS, json={"workflow_name": name, "inputs": inputs}, headers=headers)


def stored(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def submitted(api: Running) -> list[RunSubmitted]:
    return [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]


async def test_large_inputs_travel_as_references(api: Running) -> None:
    name = await flow(api)
    assert (await submit(api, name, {"n": 1, "rows": ROWS, "text": "short"})).status_code == 202
    record, size = submitted(api)[-1], len(api.log.last(RUN_EVENTS).value)
    assert record.inputs == {"n": 1, "rows": None, "text": "short"}
    assert record.stored_inputs["rows"].length == len(ROWS)
    assert size < 16_000
    stored = await api.client.get(f"/api/v1/objects/{record.stored_inputs['rows'].sha256}")
    assert orjson.loads(stored.content) == ROWS


async def test_small_inputs_travel_as_they_are(api: Running) -> None:
    name = await flow(api)
    assert (await submit(api, name, {"text": "x" * 60_000})).status_code == 202
    assert submitted(api)[-1].inputs == {"text": "x" * 60_000}
    assert b"stored_inputs" not in api.log.last(RUN_EVENTS).value


async def test_what_a_condition_reads_stays_in_the_record(api: Running) -> None:
    told = {"id": "b", "type": "function", "config": {"function_name": "result_merger", "condition": "inputs.a == 'x'"}}
    name = await flow(api, told)
    assert (await submit(api, name, {"a": "x" * 100_000, "b": "y" * 100_000})).status_code == 202
    assert submitted(api)[-1].stored_inputs.keys() == {"b"}


async def test_the_same_submission_again_is_the_same_run(api: Running) -> None:
    name = await flow(api)
    answers = [await submit(api, name, {"rows": ROWS}, "once") for _ in range(2)]
    assert [a.json()["duplicate"] for a in answers] == [False, True]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len([r for r in submitted(api) if r.submission_id == "once"]) == 1
    assert (await submit(api, name, {"rows": ROWS[:-1]}, "once")).status_code == 422


async def test_over_the_limit_of_inputs_or_of_the_body(api: Running) -> None:
    name = await flow(api)
    inputs = await submit(api, name, {"text": "x" * MOST})
    assert (inputs.status_code, f"the limit is {MOST}" in inputs.json()["detail"]) == (413, True)
    body = await submit(api, name, {"text": "x" * (MOST + 200_000)})
    assert (body.status_code, "the body has more than" in body.json()["detail"]) == (413, True)
    prompt = await api.client.post("/api/v1/prompts", json={"name": "p", "template": "x" * MAX_BODY_BYTES})
    assert prompt.status_code == 413
    assert submitted(api) == []


async def test_large_bodies_are_of_keys_that_may_write(api: Running) -> None:
    name = await flow(api)
    body = {"workflow_name": name, "inputs": {"rows": ROWS}}
    minted = await api.client.post("/api/v1/keys", json={"name": "reader", "permissions": ["read"]})
    for key, status in ((None, 401), ("wrong", 401), (minted.json()["key"], 403)):
        async with api.as_key(key) as caller:
            answer = await caller.post(RUNS, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert submitted(api) == []


async def test_so_many_large_bodies_at_once(api: Running) -> None:
    name = await flow(api)
    api.log.hang = True
    waiting = [asyncio.create_task(submit(api, name, {"rows": ROWS})) for _ in range(MAX_LARGE_IN_FLIGHT + 3)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result().status_code for task in done} == {429}
    small = await api.client.get("/api/v1/workflows")
    assert small.status_code == 200
    answers = await asyncio.gather(*waiting)
    assert sum(a.status_code == 429 for a in answers) == 3
    api.log.hang = False
    assert (await submit(api, name, {"rows": ROWS})).status_code == 202


async def test_many_small_values_are_refused(api: Running) -> None:
    answer = await submit(api, await flow(api), {f"n{n}": "x" * 10_000 for n in range(40)})
    assert (answer.status_code, "put many small values together" in answer.json()["detail"]) == (413, True)


async def test_a_store_that_is_down_is_a_dependency_that_is_down(dsn: str, redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with running(settings_for(dsn, redis_url, OBJECTS_DIR=str(tmp_path / "file"))) as api:
        await until_authenticated(api)
        name = await flow(api)
        down = await submit(api, name, {"rows": ROWS})
        assert (down.status_code, down.json()["dependency"]) == (503, "objects")
        assert (await submit(api, name, {"rows": []})).status_code == 202


async def ended_run(api: Running, inputs: dict[str, Any]) -> RunSubmitted:
    assert (await submit(api, await flow(api), inputs)).status_code == 202
    record = submitted(api)[-1]
    await write_views(api.postgres_dsn, view_of(record, "failed"))
    return record


async def test_a_run_shows_references_among_its_inputs(api: Running) -> None:
    record = await ended_run(api, {"a": 1, "rows": ROWS, "z": 2})
    shown = (await api.client.get(f"{RUNS}/{record.run_id}")).json()["inputs"]
    assert list(shown) == ["a", "rows", "z"]
    assert shown["rows"] == msgspec.to_builtins(record.stored_inputs["rows"])
    assert (shown["rows"]["length"], shown["rows"]["size"]) == (len(ROWS), len(orjson.dumps(ROWS)))


async def test_restarts_and_forks_carry_references_over(api: Running, tmp_path: Path) -> None:
    old = await ended_run(api, {"n": 1, "rows": ROWS, "text": "t" * 200_000})
    files = stored(tmp_path)
    assert (await api.client.post(f"{RUNS}/{old.run_id}/restart")).status_code == 202
    assert submitted(api)[-1].stored_inputs == old.stored_inputs
    fork = await api.client.post(f"{RUNS}/{old.run_id}/fork", json={"inputs": {"n": 2, "text": "short"}})
    assert fork.status_code == 202
    new = submitted(api)[-1]
    assert new.inputs == {"n": 2, "rows": None, "text": "short"}
    assert new.stored_inputs == {"rows": old.stored_inputs["rows"]}
    assert stored(tmp_path) == files


async def test_a_fork_with_other_large_inputs(api: Running) -> None:
    old = await ended_run(api, {"n": 1, "rows": ROWS})
    key = {"Idempotency-Key": "again"}
    path, other = f"{RUNS}/{old.run_id}/fork", {"inputs": {"rows": ROWS[1:]}}
    answers = [await api.client.post(path, json=other, headers=key) for _ in range(2)]
    assert [a.json()["duplicate"] for a in answers] == [False, True]
    new = submitted(api)[-1]
    assert new.stored_inputs["rows"].length == len(ROWS) - 1
    assert (await api.client.post(path, json={"inputs": {"rows": []}}, headers=key)).status_code == 422
    assert (await api.client.post(path, json={"inputs": {"rows": []}})).status_code == 202
    assert (submitted(api)[-1].inputs["rows"], submitted(api)[-1].stored_inputs) == ([], {})


async def test_ingress_stores_them_too(api: Running) -> None:
    name, org = await flow(api), api.org_id
    data = {"workflow_name": name, "inputs": {"rows": ROWS[:3_000]}}
    event = {"specversion": "1.0", "id": "e1", "source": "api", "type": EVENT_TYPE, "data": data}
    letters: list[str] = []

    async def letter(record: InRecord, reason: str, message: str) -> None:
        letters.append(message)

    database = Database(api.postgres_dsn)
    async with Redis.from_url(api.redis_url) as redis:
        ingress = ingress_of(api.settings, database, redis, api.log, letter)
        await ingress.write([InRecord(submissions_topic(org), 0, 0, 0, None, json.dumps(event).encode())])
    await database.close()
    assert (letters, submitted(api)[-1].stored_inputs["rows"].length) == ([], 3_000)
    again = await submit(api, name, {"rows": ROWS[:3_000]}, "e1")
    assert again.json()["duplicate"] is True
