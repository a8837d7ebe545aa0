"""Why runs wait, over HTTP: from history, from claims in a real Redis, and from lanes on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from connectors.kafka.lag import GROUP, LaneLag
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from connectors.redis.claims.leases import RedisLeases
from schemas.errors import Unavailable
from schemas.ids import request_id
from schemas.records.base import ErrorInfo
from schemas.records.run_events import RunSubmitted
from schemas.records.run_views import StepView
from tests.support.api import Running, running, settings_for, unique, until_authenticated
from tests.support.history import view_of, write_views
from tests.support.runs_table import open_runs
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted
from topics.partitioner import partition_for

RUNS = "/api/v1/workflows/runs"
NODES = [{"id": n, "type": "function", "config": {"function_name": "result_merger"}} for n in "abcd"]
EDGES = [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}, {"from": "c", "to": "d"}]


@pytest.fixture
async def api(dsn: str, redis_url: str, kafka_bootstrap: str) -> AsyncIterator[Running]:
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(wanted(()), PARTITIONS, 1)
    settings = settings_for(dsn, redis_url, KAFKA_BOOTSTRAP=kafka_bootstrap)
    async with running(settings) as found:
        await until_authenticated(found)
        yield found


async def started(api: Running, *steps: StepView, status: Any = "running") -> RunSubmitted:
    name = unique("flow")
    flow = {"name": name, "version": 1, "dag": {"nodes": NODES, "edges": EDGES}}
    (await api.client.post("/api/v1/workflows", json=flow)).raise_for_status()
    (await api.client.post(RUNS, json={"workflow_name": name, "inputs": {}})).raise_for_status()
    record: RunSubmitted = api.log.decoded(RUN_EVENTS)[-1]
    await write_views(api.postgres_dsn, view_of(record, status, steps))
    return record


def step(step_id: str, state: Any, **more: Any) -> StepView:
    fields: dict[str, Any] = {"step_id": step_id, "node_id": step_id, "kind": "function", "attempt": 1}
    return StepView(state=state, requested_at_ms=1, **(fields | more))


async def waits(api: Running, run: RunSubmitted) -> dict[str, Any]:
    answer = await api.client.get(f"{RUNS}/{run.run_id}/waiting")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body | {"by_id": {s["id"]: s["waiting"] for s in body["steps"]}}


async def test_every_step_says_on_what_it_waits(api: Running, redis_url: str) -> None:
    failed = ErrorInfo(code="rate_limited", message="too many requests", retryable=True)
    retry = step("b", "waiting", waiting_for="retry", waiting_until_ms=5_000, error=failed)
    run = await started(api, step("a", "running"), retry)
    redis = Redis.from_url(redis_url)
    await open_runs(redis, api.partitions)
    await RedisLeases(redis, api.partitions, "w-7", 60_000).take(run.run_id, request_id(run.run_id, "a", 1))
    await redis.aclose()
    found = await waits(api, run)
    assert (found["status"], found["waiting"], found["left_out"]) == ("running", None, 0)
    assert (found["by_id"]["a"]["kind"], found["by_id"]["a"]["on"]) == ("claim", "w-7")
    assert found["by_id"]["a"]["until"] > "2026"
    assert found["by_id"]["b"]["kind"] == "retry"
    assert found["by_id"]["b"]["detail"] == "too many requests"
    assert found["by_id"]["b"]["until"] == "1970-01-01T00:00:05.000Z"
    assert (found["by_id"]["c"]["kind"], found["by_id"]["c"]["on"]) == ("dependency", "a, b")
    assert (found["by_id"]["d"]["kind"], found["by_id"]["d"]["on"]) == ("dependency", "c")
    whole = (await api.client.get(f"{RUNS}/{run.run_id}")).json()
    shown = {s["id"]: s["waiting"] for s in whole["steps"]}
    assert (shown["b"]["kind"], shown["a"]) == ("retry", None)


async def test_a_step_that_no_worker_has_taken_is_in_its_lane(api: Running) -> None:
    run = await started(api, step("a", "running"))
    found = (await waits(api, run))["by_id"]["a"]
    assert (found["kind"], found["on"]) == ("lane", "step-requests.silver")


async def test_many_runs_are_asked_for_at_once(api: Running) -> None:
    runs = [await started(api, step("a", "running")), await started(api, status="queued")]
    ids = [run.run_id for run in runs]
    answer = await api.client.post(f"{RUNS}/waiting", json={"ids": [*ids, "no-such-run", ids[0]]})
    assert answer.status_code == 200, answer.text
    assert [run["id"] for run in answer.json()["runs"]] == ids
    assert answer.json()["runs"][1]["waiting"]["kind"] == "admission"
    assert answer.json()["unknown"] == ["no-such-run"]
    read = await api.client.get(f"{RUNS}/waiting", params={"ids": [*ids, "no-such-run", ids[0]]})
    assert (read.status_code, read.json()) == (200, answer.json())
    for ids in ([], ["x"] * 51):
        assert (await api.client.get(f"{RUNS}/waiting", params={"ids": ids})).status_code == 422
        assert (await api.client.post(f"{RUNS}/waiting", json={"ids": ids})).status_code == 422


async def test_a_broker_that_is_gone_makes_the_lane_unknown(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url, KAFKA_BOOTSTRAP="127.0.0.1:9")) as api:
        await until_authenticated(api)
        run = await started(api, step("a", "running"))
        found = (await waits(api, run))["by_id"]["a"]
    assert "unknown now" in found["detail"] or "nobody reads" in found["detail"]
    assert "Error" not in found["detail"]


async def test_runs_that_wait_as_a_whole_and_runs_that_do_not(api: Running) -> None:
    queued = await started(api, status="queued")
    assert (await waits(api, queued))["waiting"]["kind"] == "admission"
    over = await started(api, step("a", "succeeded"), status="succeeded")
    assert (await waits(api, over))["steps"] == []
    (await api.client.post(RUNS, json={"workflow_name": over.workflow_name, "inputs": {}})).raise_for_status()
    fresh: RunSubmitted = api.log.decoded(RUN_EVENTS)[-1]
    assert (await waits(api, fresh))["waiting"]["kind"] == "admission"
    assert (await api.client.get(f"{RUNS}/nothing/waiting")).status_code == 404


async def test_the_place_in_a_lane_is_what_is_before_it(kafka_bootstrap: str) -> None:
    topic = f"step-requests.{unique('q')}"
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({topic: {}}, 2, 1)
    lag = LaneLag(kafka_bootstrap, timeout_s=10)
    key = b"run:step"
    at = TopicPartition(topic, partition_for(key, 2))
    async with KafkaLog(kafka_bootstrap) as log:
        await log.append([OutRecord(topic, key, b"x") for _ in range(5)])
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=GROUP, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([at])
    async with asyncio.timeout(60):
        await consumer.commit({at: 2})
        assert await lag.ahead(topic, key, 2**50) == 3
        assert await lag.ahead(topic, key, 0) == 0
    await consumer.stop()
    await lag.close()
    gone = LaneLag("127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(Unavailable):
        await gone.ahead(topic, key, 0)
