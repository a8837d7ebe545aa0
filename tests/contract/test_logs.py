"""One behaviour suite for the Log port, on memory and on Kafka."""

import asyncio
import time
from uuid import uuid4

import pytest

from connectors.kafka.log import KafkaLog
from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import Log, OutRecord
from schemas.errors import TooLarge, Unavailable
from topics.admin import TopicAdmin
from topics.catalogue import DLQ_MAX_MESSAGE_BYTES
from topics.partitioner import partition_for

PARTITIONS = 4


@pytest.fixture
def topic() -> str:
    return f"log-{uuid4().hex}"


@pytest.fixture(params=["memory", "kafka"])
async def log(request: pytest.FixtureRequest, kafka_bootstrap: str, topic: str):
    if request.param == "memory":
        yield MemoryLog(PARTITIONS, ManualClock())
        return
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({topic: {}}, PARTITIONS, 1)
    async with KafkaLog(kafka_bootstrap) as kafka:
        yield kafka


async def known_incarnation(log: Log, topic: str) -> str:
    """Return a topic's identity as soon as the broker's metadata has the new topic."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await log.incarnation(topic)
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def read_all(log: Log, topic: str) -> list:
    found = []
    for partition in range(PARTITIONS):
        bounds = await log.bounds(topic, partition)
        async for batch in log.read(topic, partition, bounds.first, bounds.end):
            found.extend(batch)
    return found


async def test_what_is_appended_is_read_in_order_with_its_headers(log: Log, topic: str) -> None:
    records = [OutRecord(topic, b"k%d" % (i % 7), b"v%d" % i, (("h", b"\x00%d" % i),)) for i in range(500)]
    await log.append(records)
    found = await read_all(log, topic)
    assert len(found) == 500
    for key in {r.key for r in records}:
        mine = [(r.value, r.headers) for r in found if r.key == key]
        assert mine == [(r.value, r.headers) for r in records if r.key == key]


async def test_keys_decide_partitions_by_murmur2(log: Log, topic: str) -> None:
    await log.append([OutRecord(topic, b"key-%d" % i, b"") for i in range(50)])
    assert all(r.partition == partition_for(r.key, PARTITIONS) for r in await read_all(log, topic))


async def test_offsets_start_at_zero_and_bounds_follow(log: Log, topic: str) -> None:
    partition = partition_for(b"a", PARTITIONS)
    assert await log.bounds(topic, partition) == (0, 0)
    await log.append([OutRecord(topic, b"a", b"1"), OutRecord(topic, b"a", b"2")])
    assert await log.bounds(topic, partition) == (0, 2)
    async for batch in log.read(topic, partition, 1, 2):
        assert [(r.offset, r.value) for r in batch] == [(1, b"2")]


async def test_nothing_and_tombstones_can_be_appended(log: Log, topic: str) -> None:
    await log.append([])
    await log.append([OutRecord(topic, b"a", None)])
    assert [r.value for r in await read_all(log, topic)] == [None]


async def test_a_header_may_be_null(log: Log, topic: str) -> None:
    await log.append([OutRecord(topic, b"a", b"1", (("empty", None), ("full", b"x")))])
    assert [r.headers for r in await read_all(log, topic)] == [(("empty", None), ("full", b"x"))]


async def test_big_records_are_split_over_batches(log: Log, topic: str) -> None:
    await log.append([OutRecord(topic, b"a", bytes(300_000)) for _ in range(8)])
    assert [len(r.value) for r in await read_all(log, topic)] == [300_000] * 8


async def test_an_identity_is_stable_and_a_topics_own(log: Log, topic: str) -> None:
    await log.append([OutRecord(topic, b"a", b"1")])
    assert await log.incarnation(topic) == await log.incarnation(topic)


async def test_a_recreated_topic_is_another_log(kafka_bootstrap: str) -> None:
    name = f"twice-{uuid4().hex}"
    async with KafkaLog(kafka_bootstrap) as log, TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({name: {}}, 1, 1)
        first = await known_incarnation(log, name)
        await admin._client.delete_topics([name])
        while name in await admin._client.list_topics():
            pass
        await admin.create({name: {}}, 1, 1)
        assert await known_incarnation(log, name) != first


async def test_a_record_over_the_limit_is_too_large(kafka_bootstrap: str, topic: str) -> None:
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({topic: {"max.message.bytes": "1000"}}, 1, 1)
    async with KafkaLog(kafka_bootstrap) as log:
        with pytest.raises(TooLarge):
            await log.append([OutRecord(topic, b"a", bytes(2_000))])


async def test_a_dead_letter_that_came_compressed_goes_compressed(kafka_bootstrap: str, topic: str) -> None:
    dead = f"{topic}.dlq"
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({dead: {"max.message.bytes": str(DLQ_MAX_MESSAGE_BYTES)}}, 1, 1)
    big = OutRecord(dead, b"a", b"ab" * 1_000_000, (("h", b"1"),))
    async with KafkaLog(kafka_bootstrap) as log:
        await log.append([big, OutRecord(dead, b"a", b"small")])
        found = [r async for batch in log.read(dead, 0, 0, 2) for r in batch]
    assert sorted(len(r.value) for r in found) == [5, 2_000_000]
    assert found[0].value == big.value


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await KafkaLog("127.0.0.1:1", timeout_s=1).start()


async def test_a_time_is_an_offset_and_a_later_one_the_end(log: KafkaLog | MemoryLog, topic: str) -> None:
    await log.append([OutRecord(topic, b"1", b"a"), OutRecord(topic, b"1", b"b")])
    partition = partition_for(b"1", PARTITIONS)
    assert await log.offset_at(topic, partition, 0) == 0
    assert await log.offset_at(topic, partition, 2**41 + 2**43) == 2
    assert await log.offset_at(topic, (partition + 1) % PARTITIONS, 0) == 0
