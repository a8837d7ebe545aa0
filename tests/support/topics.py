"""Topics as a test uses them: records in by plain aiokafka, as from another system, and whole topics out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import InRecord
from schemas.errors import BadRecord, NewerMajor
from topics.catalogue import MAX_MESSAGE_BYTES
from topics.clients import access
from topics.codec import decode

Headers = tuple[tuple[str, bytes], ...]
#: The producer's own limits must not stand in for the broker's.
_PRODUCER_BYTES = 8 * MAX_MESSAGE_BYTES


@dataclass(frozen=True)
class Message:
    """A record on its way in. ``partition`` wins over the key where it is given."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


#: Of the catalogue's topics on the session's broker, which tests share: the test that makes them decides for all.
PARTITIONS = 4

Place = tuple[str, int, int]
"""Where a record is: topic, partition, offset."""


def produce(bootstrap: str, messages: Sequence[Message]) -> list[Place]:
    """Send messages, wait for every acknowledgement, and return where each one is."""
    return asyncio.run(produce_all(bootstrap, messages))


async def produce_all(bootstrap: str, messages: Sequence[Message]) -> list[Place]:
    """See ``produce``."""
    async with AIOKafkaProducer(**access(bootstrap), acks="all", max_request_size=_PRODUCER_BYTES) as producer:
        sent = [
            await producer.send(m.topic, m.value, key=m.key, headers=list(m.headers), partition=m.partition)
            for m in messages
        ]
        done = await asyncio.gather(*sent)
    return [(d.topic, d.partition, d.offset) for d in done]


def read_topic(bootstrap: str, topic: str) -> list[InRecord]:
    """Return every record of a topic as it is now, partition by partition."""

    async def read() -> list[InRecord]:
        async with KafkaLog(bootstrap) as log:
            return [record for part in await _partitions(log, topic) for record in part]

    return asyncio.run(read())


async def _partitions(log: KafkaLog, topic: str) -> list[list[InRecord]]:
    async def one(partition: int) -> list[InRecord]:
        bounds = await log.bounds(topic, partition)
        batches = log.read(topic, partition, bounds.first, bounds.end)
        return [record async for batch in batches for record in batch]

    return await asyncio.gather(*(one(p) for p in range(await log.partitions(topic))))


def read_decoded(bootstrap: str, topic: str) -> list[Any]:
    """Return every record of a topic that decodes, as its model."""
    return [event for event in map(_decoded, read_topic(bootstrap, topic)) if event is not None]


def _decoded(record: InRecord) -> Any:
    try:
        return decode(record.topic, record.value)
    except (BadRecord, NewerMajor):
        return None


def behind(bootstrap: str, group: str, topic: str) -> int:
    """Return how many records of a topic a group has not committed: end offsets minus its own."""
    return asyncio.run(_behind(bootstrap, group, topic))


async def _behind(bootstrap: str, group: str, topic: str) -> int:
    admin = AIOKafkaAdminClient(**access(bootstrap))
    consumer = AIOKafkaConsumer(**access(bootstrap), enable_auto_commit=False)
    await asyncio.gather(admin.start(), consumer.start())
    try:
        described = await admin.describe_topics([topic])
        partitions = [TopicPartition(topic, p["partition"]) for p in described[0]["partitions"]]
        committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
        await admin.close()
    return sum(ends[tp] - max(0, committed[tp].offset) for tp in partitions)


def batch_bytes(message: Message) -> int:
    """Return the bytes that the broker counts for a message that is sent alone."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=_PRODUCER_BYTES,
    )
    builder.append(0, timestamp=0, key=message.key, value=message.value, headers=list(message.headers))
    return len(builder.build())


def at_the_limit(message: Message, pad: bytes) -> Message:
    """Return the message with ``pad`` in its value stretched, so that it is exactly as big as a topic takes."""
    value = message.value or b""
    assert value.count(pad) == 1

    def stretched(times: int) -> Message:
        return replace(message, value=value.replace(pad, pad[:1] * times))

    near = MAX_MESSAGE_BYTES - len(value) - 4096
    full = near + MAX_MESSAGE_BYTES - batch_bytes(stretched(near))
    assert batch_bytes(stretched(full)) == MAX_MESSAGE_BYTES
    return stretched(full)
