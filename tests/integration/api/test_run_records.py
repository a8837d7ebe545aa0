"""The records of a run over HTTP, off a real broker and by the place that history has."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from schemas.records.run_events import CancelRequested, RunSubmitted
from tests.support.api import Running, running, settings_for, unique, until_authenticated
from tests.support.history import view_of, write_views
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted
from topics.codec import decode, encode
from topics.partitioner import partition_for

RUNS = "/api/v1/workflows/runs"
TRIES = 6


@pytest.fixture
async def api(dsn: str, redis_url: str, kafka_bootstrap: str) -> AsyncIterator[Running]:
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(wanted(()), PARTITIONS, 1)
    settings = settings_for(dsn, redis_url, KAFKA_BOOTSTRAP=kafka_bootstrap, KAFKA_PARTITIONS=str(PARTITIONS))
    async with running(settings) as found:
        await until_authenticated(found)
        yield found


async def submitted(api: Running) -> RunSubmitted:
    name = unique("flow")
    nodes = [{"id": "a", "type": "function", "config": {"function_name": "result_merger"}}]
    (
        await api.client.post("/api/v1/workflows", json={"name": name, "version": 1, "dag": {"nodes": nodes}})
    ).raise_for_status()
    (await api.client.post(RUNS, json={"workflow_name": name, "inputs": {}})).raise_for_status()
    record: RunSubmitted = api.log.decoded(RUN_EVENTS)[-1]
    return record


async def logged(kafka_bootstrap: str, run: RunSubmitted) -> int:
    """Append the run's submission and its cancel; return the offset of the latter."""
    other = structs.replace(run, run_id=unique("other"))
    cancel = CancelRequested(run_id=run.run_id, org_id=run.org_id, reason="enough")
    async with KafkaLog(kafka_bootstrap) as log:
        for event in (other, run, other, cancel, other):
            await log.append([OutRecord(RUN_EVENTS, event.run_id.encode(), encode(event))])
        key = run.run_id.encode()
        partition = partition_for(key, await log.partitions(RUN_EVENTS))
        bounds = await log.bounds(RUN_EVENTS, partition)
        batches = log.read(RUN_EVENTS, partition, bounds.first, bounds.end)
        return max([record.offset async for batch in batches for record in batch if record.key == key])


async def page(api: Running, path: str, **params: Any) -> dict[str, Any]:
    """Return a page. A broker that is busy with other tests may not answer in time: 503 is asked again."""
    for _ in range(TRIES):
        answer = await api.client.get(path, params=params)
        if answer.status_code != 503:
            break
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_records_of_a_run_are_read_by_page(api: Running, kafka_bootstrap: str) -> None:
    run = await submitted(api)
    last = await logged(kafka_bootstrap, run)
    path = f"/api/v1/traces/{run.run_id}/records"
    assert (await api.client.get(path)).status_code in (404, 503), "history does not have it yet"
    await write_views(api.postgres_dsn, structs.replace(view_of(run, "canceled", ()), version=last))

    whole = await page(api, path)
    found = [decode(RUN_EVENTS, one["record"].encode()) for one in whole["records"]]
    assert [event.type for event in found] == ["run.submitted", "cancel.requested"]
    assert whole["records"][-1]["offset"] == last
    assert whole["next_cursor"] is None

    first = await page(api, path, limit=1)
    second = await page(api, path, limit=1, cursor=first["next_cursor"])
    assert first["records"] + second["records"] == whole["records"]


async def test_what_cannot_be_read_is_refused(api: Running, kafka_bootstrap: str) -> None:
    run = await submitted(api)
    await logged(kafka_bootstrap, run)
    await write_views(api.postgres_dsn, structs.replace(view_of(run, "running", ()), version=1))
    path = f"/api/v1/traces/{run.run_id}/records"
    refused: list[tuple[dict[str, Any], int]] = [({"cursor": "x"}, 422), ({"limit": "0"}, 422), ({"pages": "1"}, 422)]
    for params, status in refused:
        answer = await api.client.get(path, params=params)
        assert answer.status_code == status, answer.text
    assert (await api.as_key(None).get(path)).status_code == 401
    assert (await api.client.get("/api/v1/traces/none/records")).status_code == 404
