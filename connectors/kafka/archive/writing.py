"""Writes topics as a whole: empty ones get records with their times, from a chosen offset on, and groups their places.

A broker gives offsets in order from 0 and takes no gaps. So a partition that is to begin at offset n gets n fillers,
many thousands in one compressed batch, and is then cut before n (DeleteRecords), as retention does.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata

from connectors.kafka.errors import kafka_errors
from connectors.ports.archive import GroupAt, LogRow, Where
from schemas.errors import Rejected, Unavailable
from topics import clients

TIMEOUT_MS = 60_000
#: Bytes of one batch, below the smallest limit of a topic. A record over it is written compressed, as its sender did.
BATCH_BYTES = 512 * 1024
BIG_BYTES = 960 * 1024
#: Size allowance of a record beyond its key, value and headers.
OVERHEAD = 64
#: Batches that wait for their acknowledgement.
IN_FLIGHT = 8
FILLERS = 200_000
_LARGEST = 64 * 1024 * 1024
COMMIT_S = 30.0


class ArchiveWriter:
    """Two producers, one of them with compression, and an admin client; an async context manager.

    Methods raise ``Unavailable``.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin: AIOKafkaAdminClient = clients.admin(bootstrap, TIMEOUT_MS)
        self._plain = _producer(bootstrap, None)
        # Compression costs many times the time of the write, so it is for fillers and what is over the limit.
        self._gzip = _producer(bootstrap, "gzip")

    async def __aenter__(self) -> "ArchiveWriter":
        try:
            with kafka_errors("connect"):
                await self._admin.start()
                await self._plain.start()
                await self._gzip.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._plain.stop()
        await self._gzip.stop()
        await self._admin.close()

    async def create(self, topics: Mapping[str, tuple[int, Mapping[str, str]]], replication: int) -> None:
        """Create topics: partitions and configuration by name. Those that are there are left as they are."""
        new = [NewTopic(name, count, replication, topic_configs=dict(conf)) for name, (count, conf) in topics.items()]
        with kafka_errors("create the topics"):
            response = await self._admin.create_topics(new)
        for name, code, *_ in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise Unavailable("kafka", f"topic {name} was not created: {for_code(code).__name__}")

    async def configure(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        """Give topics their whole configuration; what is not named returns to its default."""
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name, dict(conf)) for name, conf in topics.items()]
        with kafka_errors("configure the topics"):
            responses = await self._admin.alter_configs(wanted) if wanted else []
        for response in responses:
            for code, _message, _kind, name, *_ in response.resources:
                if code:
                    raise Unavailable("kafka", f"topic {name} was not configured: {for_code(code).__name__}")

    async def fill(self, where: Where, count: int, at_ms: int) -> None:
        """Append ``count`` records without content, so that the next one has that offset in an empty partition."""
        sent: list[asyncio.Future[object]] = []
        with kafka_errors(f"fill {where[0]}"):
            for start in range(0, count, FILLERS):
                batch = self._gzip.create_batch()
                for _ in range(min(FILLERS, count - start)):
                    batch.append(timestamp=at_ms, key=b"", value=b"")
                sent.append(await self._gzip.send_batch(batch, where[0], partition=where[1]))
                if len(sent) >= IN_FLIGHT:
                    await sent.pop(0)
                await asyncio.sleep(0)
            await asyncio.gather(*sent)

    async def cut_before(self, offsets: Mapping[Where, int]) -> None:
        """Remove the records before these offsets."""
        wanted = {TopicPartition(*where): RecordsToDelete(offset) for where, offset in offsets.items()}
        with kafka_errors("cut the beginning"):
            if wanted:
                await self._admin.delete_records(wanted)

    async def append(self, where: Where, rows: Sequence[LogRow]) -> None:
        """Append records with their times, in order, acknowledged. Offsets of ``rows`` are not looked at."""
        sent: list[asyncio.Future[object]] = []
        start = 0
        with kafka_errors(f"append to {where[0]}"):
            while start < len(rows):
                end, weight = _batch_end(rows, start)
                if weight > BIG_BYTES:
                    # It comes after all before it, which another producer sends.
                    await asyncio.gather(*sent)
                    sent.clear()
                    await (await self._send(self._gzip, where, rows[start:end]))
                else:
                    sent.append(await self._send(self._plain, where, rows[start:end]))
                start = end
            await asyncio.gather(*sent)

    async def _send(self, producer: AIOKafkaProducer, where: Where, rows: Sequence[LogRow]) -> "asyncio.Future[object]":
        batch = producer.create_batch()
        for row in rows:
            if batch.append(timestamp=row.at_ms, key=row.key, value=row.value, headers=row.headers) is None:
                raise Rejected(f"a record of {where[0]} has {_weight(row)} bytes, which no batch holds")
        sent: asyncio.Future[object] = await producer.send_batch(batch, where[0], partition=where[1])
        return sent

    async def place_group(self, group: str, places: Mapping[Where, GroupAt]) -> None:
        """Store where a group without members is to continue."""
        consumer = clients.consumer(self._bootstrap, group_id=group, client_id="agentflow-restore")
        wanted = {TopicPartition(*where): OffsetAndMetadata(at.offset, at.note) for where, at in places.items()}
        with kafka_errors(f"offsets of {group}"):
            try:
                await consumer.start()
                consumer.assign(list(wanted))
                # The group's coordinator may still be loading after the first use of its topic.
                async with asyncio.timeout(COMMIT_S):
                    await _until_stored(consumer, wanted)
            finally:
                await consumer.stop()

    async def members(self, groups: Collection[str]) -> list[str]:
        """Return those of the groups that have members."""
        with kafka_errors("members of groups"):
            # One at a time: the request that aiokafka makes of several is one that brokers hang up on.
            answers = [one for group in groups for one in await self._admin.describe_consumer_groups([group])]
        return sorted(found[1] for answer in answers for found in answer.groups if found[5])


def _producer(bootstrap: str, compression: str | None) -> AIOKafkaProducer:
    return clients.producer(
        bootstrap,
        client_id="agentflow-restore",
        # What is sent again after a lost acknowledgement would shift all later offsets.
        enable_idempotence=True,
        compression_type=compression,
        max_batch_size=_LARGEST,
        max_request_size=_LARGEST,
        request_timeout_ms=TIMEOUT_MS,
    )


def _batch_end(rows: Sequence[LogRow], start: int) -> tuple[int, int]:
    """Return where a batch that begins at a row ends, and what it weighs: one row, or as many as fit."""
    weight, end = _weight(rows[start]), start + 1
    while end < len(rows) and weight + _weight(rows[end]) <= BATCH_BYTES:
        weight += _weight(rows[end])
        end += 1
    return end, weight


def _weight(row: LogRow) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in row.headers)
    return len(row.key or b"") + len(row.value or b"") + headers + OVERHEAD


async def _until_stored(consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
    while True:
        try:
            await consumer.commit(dict(wanted))
            return
        except KafkaError as exc:
            if not exc.retriable:
                raise
            await asyncio.sleep(0.2)
