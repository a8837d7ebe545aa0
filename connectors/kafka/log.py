"""Kafka as the engine's Log: batched appends, bounds, reads and identity.

aiokafka's ``create_batch``/``send_batch`` sends about four times as fast as ``send``, because it skips a future and a
lock per record; so records are collected into one batch per partition here.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.errors import kafka_errors
from connectors.kafka.metadata import incarnation
from connectors.ports.engine import Bounds, Headers, InRecord, OutRecord
from schemas.configuration.kafka_access import first_partitions
from schemas.errors import AccessRefused, Unavailable
from topics import clients
from topics.catalogue import DLQ_MAX_MESSAGE_BYTES, DLQ_SUFFIX, OF_RUNS
from topics.partitioner import partition_for, run_partition
from topics.refusals import refusal

#: Bytes after which a batch is closed. Kafka's ``max.message.bytes`` limits whole batches, so this stays below it.
BATCH_BYTES = 512 * 1024
#: Size allowance of a record beyond its key, value and headers.
RECORD_OVERHEAD = 64
READ_TIMEOUT_MS = 500
#: The largest record that is held in memory in order to be dead-lettered.
BIG_BYTES = 256 * 1024 * 1024


class KafkaLog:
    """One producer and the means to read; see ``connectors.ports.engine.Log``.

    Use as an async context manager, or ``start`` and ``stop``.
    """

    def __init__(self, bootstrap: str, *, client_id: str = "agentflow", timeout_s: float = 20.0) -> None:
        self._bootstrap = bootstrap
        self._first = first_partitions(bootstrap)
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> "KafkaLog":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect. Raises ``Unavailable`` when no broker answers; may be called again then."""
        async with self._starting:
            if self._producer is not None:
                return
            producer = clients.producer(
                self._bootstrap,
                client_id=self._client_id,
                # One batch a partition is in flight, so order holds without it; a repeat after a lost
                # acknowledgement is told by the record's id. An idempotent producer that meets a recreated
                # broker fails for good instead.
                enable_idempotence=False,
                max_batch_size=DLQ_MAX_MESSAGE_BYTES,
                max_request_size=4 * DLQ_MAX_MESSAGE_BYTES,
                request_timeout_ms=int(self._timeout_s * 1000),
                metadata_max_age_ms=30_000,
            )
            try:
                with kafka_errors("connect"):
                    await producer.start()
                _expect_brokers(producer)
            except BaseException as exc:
                await producer.stop()
                if isinstance(exc, Unavailable):
                    await self._raise_refusal(exc)
                raise
            self._producer = producer

    async def _raise_refusal(self, exc: Unavailable) -> None:
        """Raise ``AccessRefused`` where that is why no broker answers."""
        if why := await refusal(self._bootstrap):
            raise AccessRefused("kafka", why) from exc

    async def stop(self) -> None:
        """Flush and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, in order per partition, and wait for every acknowledgement."""
        if not records:
            return
        if self._producer is None:
            await self.start()
        big = [record for record in records if _needs_compression(record)]
        with kafka_errors("append"):
            await self._append_big(big)
            futures = []
            for batch in await self._batches([r for r in records if r not in big] if big else records):
                sent = await self._live().send_batch(batch.builder, batch.topic, partition=batch.partition)
                futures.append(sent)
            results = await asyncio.gather(*futures, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _append_big(self, records: Sequence[OutRecord]) -> None:
        """Append dead letters that fit only when compressed, as their originals were.

        A topic's limit counts compressed bytes, so a sender's compressed record may be many times the limit once it is
        read. This is rare, and its producer lives as long as the call.
        """
        if not records:
            return
        producer = clients.producer(
            self._bootstrap,
            client_id=f"{self._client_id}-big",
            compression_type="gzip",
            max_batch_size=BIG_BYTES,
            max_request_size=BIG_BYTES,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        await producer.start()
        try:
            for topic, key, value, headers in records:
                where = await self._place(topic, key, await self.partitions(topic))
                await producer.send_and_wait(topic, value, key, partition=where, headers=list(headers))
        finally:
            await producer.stop()

    async def _batches(self, records: Sequence[OutRecord]) -> list["_Batch"]:
        counts: dict[str, int] = {}
        open_: dict[tuple[str, int], _Batch] = {}
        closed: list[_Batch] = []
        for record in records:
            topic, key, value, headers = record
            if topic not in counts:
                counts[topic] = await self.partitions(topic)
            where = (topic, await self._place(topic, key, counts[topic]))
            batch = open_.get(where)
            weight = _weight(record)
            if batch is None or (batch.bytes and batch.bytes + weight > BATCH_BYTES):
                batch = _Batch(*where, builder=self._live().create_batch())
                open_[where] = batch
                closed.append(batch)
            batch.add(key, value, headers, weight)
        return closed

    async def _place(self, topic: str, key: bytes | None, count: int) -> int:
        """Return the partition of a key. A run stays where it began when the topics of runs grow."""
        if topic not in OF_RUNS:
            return partition_for(key or b"", count)
        where = run_partition(key or b"", self._first or count)
        if where < count:
            return where
        # The topic has grown since its partitions were read; or the id is nobody's, and then any partition will do.
        with kafka_errors(f"partitions of {topic}"):
            await self._live().client.force_metadata_update()
        return where if where < await self.partitions(topic) else partition_for(key or b"", count)

    async def partitions(self, topic: str) -> int:
        """Return a topic's partition count; that of a topic of runs may grow, which is known half a minute later."""
        if self._producer is None:
            await self.start()
        with kafka_errors(f"partitions of {topic}"):
            try:
                return len(await self._live().partitions_for(topic))
            except UnknownTopicOrPartitionError:
                await self._live().client.force_metadata_update()
                return len(await self._live().partitions_for(topic))

    async def exists(self, topic: str) -> bool:
        """Return at once whether the broker has a topic, where ``partitions`` would wait for it to be made."""
        if self._producer is None:
            await self.start()
        with kafka_errors(f"existence of {topic}"):
            client = self._live().client
            if client.cluster.partitions_for_topic(topic) is not None:
                return True
            return topic in (await client.fetch_all_metadata()).topics()

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the partition's bounds now."""
        async with _reader(self._bootstrap, topic, partition) as (consumer, tp):
            with kafka_errors(f"bounds of {topic}"):
                first = await consumer.beginning_offsets([tp])
                end = await consumer.end_offsets([tp])
            return Bounds(first[tp], end[tp])

    async def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """Return the offset of the first record that was appended at a time or later; the end without one."""
        async with _reader(self._bootstrap, topic, partition) as (consumer, tp):
            with kafka_errors(f"times of {topic}"):
                found = (await consumer.offsets_for_times({tp: at_ms})).get(tp)
                return int(found.offset if found is not None else (await consumer.end_offsets([tp]))[tp])

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield the records of [start, end) in batches."""
        if start >= end:
            return
        async with _reader(self._bootstrap, topic, partition) as (consumer, tp):
            consumer.seek(tp, start)
            position = start
            while position < end:
                with kafka_errors(f"read {topic}"):
                    fetched = (await consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS)).get(tp, [])
                    position = await consumer.position(tp)
                batch = [to_record(r) for r in fetched if r.offset < end]
                if batch:
                    yield batch

    async def ping(self) -> None:
        """Probe a broker, on a connection that no append uses. Raises ``Unavailable``."""
        if self._producer is None:
            await self.start()
        try:
            await self._ask_a_broker()
        except Unavailable as exc:
            await self._raise_refusal(exc)
            raise

    async def _ask_a_broker(self) -> None:
        with kafka_errors("ping"):
            client = self._live().client
            node = client.get_random_node()
            if node is None:
                raise Unavailable("kafka", "no broker is known")
            await client.send(node, MetadataRequest([]), group=ConnectionGroup.COORDINATION)

    async def incarnation(self, topic: str) -> str:
        """Return cluster id and topic id."""
        if self._producer is None:
            await self.start()
        with kafka_errors(f"identity of {topic}"):
            return await incarnation(self._live().client, topic)

    def _live(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Unavailable("kafka", "not connected")
        return self._producer


def _expect_brokers(producer: AIOKafkaProducer) -> None:
    """Refuse a broker that names no broker, not even itself, until its controller has registered it.

    A client that connected to such a broker hangs on its first connection, and after that breaks it knows no other
    broker.
    """
    if not producer.client.cluster.brokers():
        raise Unavailable("kafka", "connect: the broker is still starting")


class _Batch:
    """Records for one partition, collected into one request."""

    __slots__ = ("builder", "bytes", "partition", "topic")

    def __init__(self, topic: str, partition: int, builder: BatchBuilder) -> None:
        self.topic = topic
        self.partition = partition
        self.builder = builder
        self.bytes = 0

    def add(self, key: bytes | None, value: bytes | None, headers: Headers, weight: int) -> None:
        """Add one record. Raises ``MessageSizeTooLargeError`` for one that no batch can hold."""
        if self.builder.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
            raise MessageSizeTooLargeError(f"{weight} bytes for {self.topic}")
        self.bytes += weight


def _weight(record: OutRecord) -> int:
    _, key, value, headers = record
    weight = len(key or b"") + len(value or b"") + RECORD_OVERHEAD
    for name, said in headers:
        weight += len(name) + len(said or b"")
    return weight


def _needs_compression(record: OutRecord) -> bool:
    return record.topic.endswith(DLQ_SUFFIX) and _weight(record) > DLQ_MAX_MESSAGE_BYTES - RECORD_OVERHEAD


def to_record(r: Any) -> InRecord:
    """Return aiokafka's ``ConsumerRecord`` as ours."""
    return InRecord(
        r.topic,
        r.partition,
        r.offset,
        r.timestamp,
        r.key,
        r.value,
        r.headers,
    )


class _reader:  # noqa: N801 - used as a function
    """A consumer of one partition, outside every group."""

    def __init__(self, bootstrap: str, topic: str, partition: int) -> None:
        self._tp = TopicPartition(topic, partition)
        self._consumer = clients.consumer(
            bootstrap,
            # What retention took while it was read must be an error: a jump to the end would lose records silently.
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )

    async def __aenter__(self) -> tuple[AIOKafkaConsumer, TopicPartition]:
        try:
            with kafka_errors("connect"):
                await self._consumer.start()
                self._consumer.assign([self._tp])
        except BaseException:
            # No ``__aexit__`` follows: neither when the broker is down, nor when whoever reads is canceled.
            await self._consumer.stop()
            raise
        return self._consumer, self._tp

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
