"""``kafka.produce`` on a real broker: what it writes, and what it refuses before anything is written."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import InRecord
from connectors.tools import PRODUCERS, REGISTRY, NotDone, ToolContext
from connectors.tools.environment import KafkaRules, World
from connectors.tools.kafka.produce import produce
from schemas.errors import StepError
from schemas.payload import Reference
from schemas.triggers.allowed_topics import read_allowed
from tests.support.api import unique
from topics.admin import TopicAdmin
from topics.catalogue import OWN_TOPICS
from topics.partitioner import partition_for


class NoObjects:
    """A tool that reads none."""

    async def get(self, org_id: str, reference: Reference) -> bytes:
        raise AssertionError


@pytest.fixture
async def topic(kafka_bootstrap: str) -> AsyncIterator[str]:
    name = unique("done")
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({name: {}}, 3, 1)
    yield name
    await PRODUCERS.close()


def context(bootstrap: str, key: str = "r1:send") -> ToolContext:
    rules = KafkaRules(read_allowed("acme:done-*", OWN_TOPICS), bootstrap)
    world = World(kafka=rules)
    trace = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    return ToolContext("acme", "r1", "send", key, Path(), NoObjects(), world, trace)


async def records(bootstrap: str, topic: str) -> list[InRecord]:
    async with KafkaLog(bootstrap) as log:
        found = []
        for partition in range(await log.partitions(topic)):
            bounds = await log.bounds(topic, partition)
            async for batch in log.read(topic, partition, bounds.first, bounds.end):
                found += batch
    return found


async def test_record_is_json_with_key_headers_and_the_steps_key(kafka_bootstrap: str, topic: str) -> None:
    value = {"é": [1, None]}
    done = await produce(
        context(kafka_bootstrap), topic=topic, value=value, key="customer-7", headers={"source": "agentflow"}
    )
    (record,) = await records(kafka_bootstrap, topic)
    assert (record.key, orjson.loads(record.value or b"")) == (b"customer-7", value)
    headers = dict(record.headers)
    assert headers["idempotency-key"] == b"r1:send"
    assert headers["source"] == b"agentflow"
    assert headers["traceparent"] is not None
    assert record.partition == partition_for(b"customer-7", 3)
    where = {"topic": topic, "partition": record.partition, "offset": record.offset}
    assert done == where | {"idempotency_key": "r1:send"}


async def test_repetition_is_in_the_same_partition_with_the_same_header(kafka_bootstrap: str, topic: str) -> None:
    for _ in range(2):
        await produce(context(kafka_bootstrap), topic=topic, value=1)
    first, second = await records(kafka_bootstrap, topic)
    assert (first.partition, first.headers) == (second.partition, second.headers)
    assert (
        await REGISTRY.reconcile("kafka.produce", {"topic": topic, "value": 1}, context(kafka_bootstrap)) == NotDone()
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"topic": "run-events"}, "forbidden_topic"),
        ({"topic": "payments"}, "forbidden_topic"),
        ({"headers": {"Idempotency-Key": "mine"}}, "bad_arguments"),
        ({"value": float("nan")}, "bad_arguments"),
        ({"value": "x" * 1_000_001}, "too_large"),
    ],
)
async def test_refusals_are_final(kafka_bootstrap: str, topic: str, change: dict[str, Any], code: str) -> None:
    with pytest.raises(StepError) as raised:
        await produce(context(kafka_bootstrap), **({"topic": topic, "value": 1} | change))
    assert (raised.value.code, raised.value.retryable) == (code, False)
    assert await records(kafka_bootstrap, topic) == []


async def test_broker_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(StepError) as raised:
        await produce(context("127.0.0.1:9"), topic="done-x", value=1)
    assert (raised.value.code, raised.value.retryable) == ("unreachable", True)
