"""Signals for runs, over HTTP and as CloudEvents, on a real PostgreSQL and Redis."""

import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.redis.keys import runs_slot
from schemas.cloudevents.submission import SIGNAL_TYPE
from schemas.ids import run_id as run_id_of
from schemas.payload import Reference, inline
from schemas.records.run_events import RunSubmitted, SignalReceived
from schemas.settings import Settings
from schemas.tables.signals import KEPT_MOST, Kept, Signals
from streams.core.runs.state.entries import encode
from tests.support.api import Running, settings_for
from tests.support.ingress import ingress_of
from topics.catalogue import RUN_EVENTS, submissions_topic

RUNS = "/api/v1/workflows/runs"
FLOW: dict[str, Any] = {
    "name": "publishing",
    "version": 1,
    "dag": {"nodes": [{"id": "ask", "type": "signal", "config": {"name": "approval"}}]},
}
YES = {"approved": True}


@pytest.fixture
def settings(dsn: str, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(dsn, redis_url, OBJECTS_DIR=str(tmp_path))


@pytest.fixture
async def api(api: Running) -> Running:
    (await api.client.post("/api/v1/workflows", json=FLOW)).raise_for_status()
    return api


@pytest.fixture
async def run_id(api: Running) -> str:
    answer = await api.client.post(RUNS, json={"workflow_name": "publishing"})
    return str(answer.raise_for_status().json()["id"])


async def send(api: Running, run: str, data: Any = None, name: str = "approval", key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.client.post(f"{RUNS}/{run}/signals/{name}", json=data, headers=headers)


def sent(api: Running) -> list[SignalReceived]:
    return [record for record in api.log.decoded(RUN_EVENTS) if isinstance(record, SignalReceived)]


async def test_a_signal_is_in_the_log_before_it_is_accepted(api: Running, run_id: str) -> None:
    answer = await send(api, run_id, YES)
    assert answer.status_code == 202, answer.text
    (record,) = sent(api)
    assert (record.run_id, record.org_id, record.name) == (run_id, api.org_id, "approval")
    assert (record.payload, record.sent_by.startswith("bootstrap-")) == (inline(YES), True)
    body = answer.json()
    assert (body["id"], body["signal"], body["signal_id"], body["status"]) == (
        *(run_id, "approval"),
        *(record.signal_id, "queued"),
    )
    assert api.log.last(RUN_EVENTS).key == run_id.encode()


async def test_the_key_names_the_signal(api: Running, run_id: str) -> None:
    for key in ("one", "one", None, None):
        assert (await send(api, run_id, key=key)).status_code == 202
    first, again, *others = [record.signal_id for record in sent(api)]
    assert first == again
    assert len({first, *others}) == 3


@pytest.mark.parametrize("data", [None, 7, "text", [1], {"deep": [{"er": None}]}])
async def test_any_json_value_is_a_signal(api: Running, run_id: str, data: Any) -> None:
    assert (await send(api, run_id, data)).status_code == 202
    assert sent(api)[-1].payload == inline(data)


async def test_a_body_is_not_needed(api: Running, run_id: str) -> None:
    assert (await api.client.post(f"{RUNS}/{run_id}/signals/approval")).status_code == 202
    assert sent(api)[-1].payload == inline(None)


async def test_a_large_signal_is_stored(api: Running, run_id: str) -> None:
    assert (await send(api, run_id, "x" * 70_000)).status_code == 202
    payload = sent(api)[-1].payload
    assert isinstance(payload, Reference)
    assert (payload.size, payload.tags) == (70_002, {"run_id": run_id})
    assert (await send(api, run_id, "x" * 1_100_000)).status_code == 413


async def test_what_cannot_be_sent_says_why(api: Running, run_id: str) -> None:
    unknown = await send(api, run_id, name="other")
    assert unknown.status_code == 422
    assert "waits for approval" in unknown.json()["detail"]
    assert (await send(api, run_id, name="no good")).status_code == 422
    assert (await send(api, "unknown")).status_code == 404
    assert sent(api) == []


async def test_a_run_that_keeps_all_that_it_may_takes_no_more(api: Running, run_id: str) -> None:
    full = Signals(tuple(Kept("approval", inline(1), 1) for _ in range(KEPT_MOST)))
    async with Redis.from_url(api.redis_url) as redis:
        key = runs_slot(run_id, api.partitions).entity(run_id)
        await redis.hset(key, "sig", encode("sig", full))
    answer = await send(api, run_id)
    assert answer.status_code == 409
    assert f"has {KEPT_MOST} unused signals" in answer.json()["detail"]


class Letters:
    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []

    async def __call__(self, record: InRecord, reason: str, message: str) -> None:
        self.kept.append((reason, message))


async def test_a_cloudevent_is_a_signal_too(api: Running, run_id: str) -> None:
    org, letters, database = (
        api.org_id,
        Letters(),
        Database(api.postgres_dsn),
    )

    def event(type_: str = SIGNAL_TYPE, **data: Any) -> InRecord:
        document = {"specversion": "1.0", "id": "key", "source": "api", "type": type_, "data": data}
        return InRecord(submissions_topic(org), 0, 0, 0, None, json.dumps(document).encode())

    async with Redis.from_url(api.redis_url) as redis:
        ingress = ingress_of(api.settings, database, redis, api.log, letters)
        await ingress.write(
            [
                event(run_id=run_id, name="approval", data=YES),
                event(run_id=run_id, name="other"),
                event(run_id="unknown", name="approval"),
                event(run_id=run_id),
            ]
        )
    await database.close()
    await send(api, run_id, YES, key="key")
    by_event, by_http = sent(api)
    assert (by_event.signal_id, by_event.payload) == (by_http.signal_id, by_http.payload)
    assert [reason for reason, _ in letters.kept] == ["invalid_input", "not_found", "invalid_input"]


async def test_a_signal_may_follow_its_submission_in_one_batch(api: Running) -> None:
    org, letters, database = (
        api.org_id,
        Letters(),
        Database(api.postgres_dsn),
    )
    run = run_id_of(org, "/shop", "order-1")
    events = [
        {"type": SIGNAL_TYPE, "id": "s-1", "data": {"run_id": run, "name": "approval", "data": YES}},
        {"type": "agentflow.workflow.submit", "id": "order-1", "data": {"workflow_name": "publishing"}},
    ]
    records = [
        InRecord(
            submissions_topic(org), 0, n, 0, None, json.dumps({"specversion": "1.0", "source": "/shop"} | e).encode()
        )
        for n, e in enumerate(events)
    ]
    async with Redis.from_url(api.redis_url) as redis:
        await ingress_of(api.settings, database, redis, api.log, letters).write(records)
    await database.close()
    submission, signal = api.log.decoded(RUN_EVENTS)
    assert isinstance(submission, RunSubmitted)
    assert (signal.run_id, submission.run_id, letters.kept) == (run, run, [])
