"""Checkpoints on Kafka: one compacted topic per table, one transaction per checkpoint, one transactional id per
partition.

A transaction makes a checkpoint complete or invisible, also after compaction. Its id fences: the broker gives every
opened writer a higher epoch, refuses older ones, and aborts their open transactions. Readers see committed transactions
only.

A writer is a producer of its own that lives as long as one checkpoint: 10 to 20 ms and some 4 ms of CPU to open, which
is simpler than keeping one per partition through broker restarts, expired ids and fencing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, MessageSizeTooLargeError, ProducerFenced

from connectors.kafka.errors import kafka_errors
from connectors.ports.engine import CheckpointWriter, Headers, Kept
from schemas.errors import Fenced, Unavailable
from topics import clients
from topics.catalogue import CHECKPOINT_MAX_BYTES, checkpoint_topic

log = logging.getLogger(__name__)

#: Header of a record that may be dropped after this time: milliseconds of the partition's clock, as decimal text.
EXPIRE_HEADER = "expire"
#: Bytes after which a batch is closed.
BATCH_BYTES = 512 * 1024
#: Size allowance of a record beyond its key and value.
RECORD_OVERHEAD = 64
#: After this time the broker aborts a writer's open transaction. A checkpoint of a whole large table takes some
#: seconds.
TRANSACTION_MS = 60_000
#: Opening, appending or committing longer than this means that the broker is down.
CALL_S = 20.0
CLOSE_S = 5.0
READ_TIMEOUT_MS = 500
#: Records searched from the end to find the last one; most of them may be of aborted transactions.
LOOK_BACK = 64
#: Few and large fetches: a restore reads everything.
FETCH_BYTES = 8 * 1024 * 1024


class KafkaCheckpoints:
    """The checkpoints of one table; see ``connectors.ports.engine.Checkpoints``."""

    def __init__(self, bootstrap: str, table: str, *, client_id: str = "agentflow", call_s: float = CALL_S) -> None:
        self._bootstrap = bootstrap
        self._topic = checkpoint_topic(table)
        self._client_id = client_id
        self._call_s = call_s

    @asynccontextmanager
    async def writer(self, partition: int) -> AsyncIterator[CheckpointWriter]:
        """Open a partition's one writer."""
        producer = clients.producer(
            self._bootstrap,
            client_id=self._client_id,
            transactional_id=f"{self._topic}-{partition}",
            transaction_timeout_ms=TRANSACTION_MS,
            max_batch_size=CHECKPOINT_MAX_BYTES,
            max_request_size=2 * CHECKPOINT_MAX_BYTES,
        )
        try:
            with self._errors("open"):
                await asyncio.wait_for(producer.start(), self._call_s)
            yield _Writer(producer, self._topic, partition, self._call_s)
        finally:
            await _close(producer)

    async def last(self, partition: int) -> Kept | None:
        """Return the last record that readers see."""
        back = LOOK_BACK
        async with self._reader(partition) as (consumer, tp, first, end):
            while end > first:
                start = max(first, end - back)
                found: Kept | None = None
                async for batch in self._read(consumer, tp, start, end):
                    found = batch[-1]
                if found is not None or start == first:
                    return found
                back *= 16
        return None

    async def read(self, partition: int) -> AsyncIterator[list[Kept]]:
        """Yield all that readers see as of now, oldest first."""
        async with self._reader(partition) as (consumer, tp, first, end):
            async for batch in self._read(consumer, tp, first, end):
                yield batch

    async def _read(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int
    ) -> AsyncIterator[list[Kept]]:
        consumer.seek(tp, start)
        position = start
        while position < end:
            with self._errors("read"):
                fetched = (await consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS)).get(tp, [])
                position = await consumer.position(tp)
            batch = [Kept(r.key, r.value, _expiry(r.headers) if r.headers else None) for r in fetched]
            if batch:
                yield batch

    @asynccontextmanager
    async def _reader(self, partition: int) -> AsyncIterator[tuple[AIOKafkaConsumer, TopicPartition, int, int]]:
        """Yield a consumer outside every group, and the bounds of what it may read."""
        tp = TopicPartition(self._topic, partition)
        consumer = clients.consumer(
            self._bootstrap,
            client_id=self._client_id,
            isolation_level="read_committed",
            # Records removed during the read must be an error: a jump would lose records silently.
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            with self._errors("connect"):
                first, end = await asyncio.wait_for(_bounds(consumer, tp), self._call_s)
            yield consumer, tp, first, end
        finally:
            await consumer.stop()

    def _errors(self, what: str) -> AbstractContextManager[None]:
        return _errors(f"{what} {self._topic}")


class _Writer:
    """One transaction, begun by the first append. Batches travel while the next one is filled."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int, call_s: float) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._call_s = call_s
        self._begun = False
        self._sent: list[asyncio.Future[object]] = []

    async def append(self, records: Sequence[Kept]) -> None:
        """Append records."""
        with _errors(f"append to {self._topic}"):
            if not self._begun:
                await asyncio.wait_for(self._producer.begin_transaction(), self._call_s)
                self._begun = True
            await self._settle(most=1)
            await self._send(records)

    async def commit(self) -> None:
        """Let readers see all of it."""
        with _errors(f"commit to {self._topic}"):
            await self._settle(most=0)
            if self._begun:
                await asyncio.wait_for(self._producer.commit_transaction(), self._call_s)

    async def _send(self, records: Sequence[Kept]) -> None:
        batch, weight = self._producer.create_batch(), 0
        for key, value, expire_at_ms in records:
            weighs = len(key) + len(value or b"") + RECORD_OVERHEAD
            if weight and weight + weighs > BATCH_BYTES:
                self._sent.append(await self._producer.send_batch(batch, self._topic, partition=self._partition))
                batch, weight = self._producer.create_batch(), 0
            # A batch takes its first record however large it is; the broker would refuse it again and again.
            if weighs > CHECKPOINT_MAX_BYTES - BATCH_BYTES // 4:
                raise MessageSizeTooLargeError(f"{weighs} bytes under key {key[:100]!r}")
            batch.append(key=key, value=value, timestamp=None, headers=_headers(expire_at_ms))
            weight += weighs
        if weight:
            self._sent.append(await self._producer.send_batch(batch, self._topic, partition=self._partition))

    async def _settle(self, most: int) -> None:
        """Wait until ``most`` batches are not acknowledged."""
        while len(self._sent) > most:
            await asyncio.wait_for(asyncio.shield(self._sent[0]), self._call_s)
            self._sent.pop(0)


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        with kafka_errors(what):
            try:
                yield
            except (ProducerFenced, InvalidProducerEpoch) as exc:
                raise Fenced(f"{what}: another writer was opened since") from exc
    except AssertionError as exc:
        # aiokafka asserts its states: a call after a fault that has ended its sender.
        raise Unavailable("kafka", f"{what}: the producer had failed before") from exc


def _headers(expire_at_ms: int | None) -> list[tuple[str, bytes]]:
    return [] if expire_at_ms is None else [(EXPIRE_HEADER, b"%d" % expire_at_ms)]


def _expiry(headers: Headers) -> int | None:
    return next((int(value) for name, value in headers if name == EXPIRE_HEADER and value is not None), None)


async def _bounds(consumer: AIOKafkaConsumer, tp: TopicPartition) -> tuple[int, int]:
    """Connect a consumer to one partition; return the bounds of what it may read there."""
    await consumer.start()
    consumer.assign([tp])
    first = await consumer.beginning_offsets([tp])
    end = await consumer.end_offsets([tp])
    return first[tp], end[tp]


async def _close(producer: AIOKafkaProducer) -> None:
    """Close a producer, whatever its state; the next writer aborts its open transaction."""
    try:
        await asyncio.wait_for(producer.stop(), CLOSE_S)
    except Exception as exc:  # noqa: BLE001 - it may have been fenced, or be cut off: nothing is to be done about it
        log.debug("a checkpoint's producer was not closed: %r", exc, extra={"action": "close"})
