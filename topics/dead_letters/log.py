"""Reads the dead letters on a broker and appends them to their topics again."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaError, MessageSizeTooLargeError

from schemas.configuration.kafka_access import first_partitions
from schemas.errors import NotFound, Rejected, Unavailable
from topics import clients
from topics.catalogue import DLQ_MAX_MESSAGE_BYTES
from topics.dead_letters.letter import (
    RETRIES,
    DeadLetter,
    Headers,
    Position,
    Source,
    check_value,
    dead_letter_topics,
    original_topic,
    partition_of,
)

_TIMEOUT_MS = 20_000
_POLL_MS = 500

Ranges = Mapping[TopicPartition, tuple[int, int]]


class DeadLetterLog:
    """Reads dead letters and retries them; an async context manager.

    Every method raises ``Unavailable`` when no broker answers.
    """

    def __init__(self, bootstrap: str, timeout_ms: int = _TIMEOUT_MS) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_ms / 1000
        self._admin = clients.admin(bootstrap, timeout_ms)
        self._consumer = clients.consumer(
            bootstrap,
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 * DLQ_MAX_MESSAGE_BYTES,
            request_timeout_ms=timeout_ms,
        )
        self._producer = clients.producer(
            bootstrap,
            max_batch_size=DLQ_MAX_MESSAGE_BYTES,
            max_request_size=4 * DLQ_MAX_MESSAGE_BYTES,
            request_timeout_ms=timeout_ms,
        )
        self._counts: dict[str, int] = {}

    async def __aenter__(self) -> "DeadLetterLog":
        try:
            with self._kafka_errors():
                for client in (self._admin, self._consumer, self._producer):
                    await client.start()
        except Unavailable:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._consumer.stop()
        await self._admin.close()

    async def get(self, position: Position) -> DeadLetter:
        """Return one dead letter. Raises ``NotFound``."""
        await self._need(position.topic)
        if position.partition >= await self._count(position.topic):
            raise NotFound(f"{position} does not exist: the topic has {await self._count(position.topic)} partitions")
        tp = TopicPartition(position.topic, position.partition)
        first, end = (await self._ranges([tp])).get(tp, (0, 0))
        if not first <= position.offset < end:
            holds = f"the partition holds offsets {first} to {end - 1}" if end > first else "the partition is empty"
            raise NotFound(f"{position} does not exist: {holds}; see `python -m topics dlq list`")
        async for letter in self._read({tp: (position.offset, position.offset + 1)}):
            return letter
        raise NotFound(f"{position} does not exist: the log has a gap; see `python -m topics dlq list`")

    async def scan(self, source: Source | None = None, since_ms: int | None = None) -> AsyncIterator[DeadLetter]:
        """Yield the current dead letters, each partition in order.

        ``source`` is a topic's, ``None`` for every topic. ``since_ms`` is a time since the epoch; earlier ones are
        skipped. Raises ``NotFound`` when the source's topic is missing on the broker.
        """
        if source is not None:
            await self._need(source.dlq)
        names = [source.dlq] if source else sorted(dead_letter_topics() & await self._topics())
        tps = [TopicPartition(name, p) for name in names for p in range(await self._count(name))]
        async for letter in self._read(await self._ranges(tps, since_ms)):
            if source is None or source.only is None or (letter.origin and letter.origin.topic == source.only):
                yield letter

    async def get_all(self, positions: Iterable[Position]) -> AsyncIterator[DeadLetter]:
        """Yield the dead letters at positions of ``scan``, topic by topic and each partition in order."""
        for name, group in groupby(sorted(positions), key=lambda position: position.topic):
            wanted = set(group)
            offsets: dict[TopicPartition, list[int]] = {}
            for one in wanted:
                offsets.setdefault(TopicPartition(name, one.partition), []).append(one.offset)
            async for letter in self._read({tp: (min(found), max(found) + 1) for tp, found in offsets.items()}):
                if letter.position in wanted:
                    yield letter

    async def destination(self, letter: DeadLetter) -> tuple[str, int]:
        """Return topic and partition for a retry. Raises ``Rejected`` when the letter cannot return."""
        topic = original_topic(letter)
        if topic not in await self._topics():
            raise Rejected(f"{letter.position} was in {topic}, which the broker does not have; create it first")
        check_value(letter, topic)
        return topic, partition_of(letter, await self._count(topic), first_partitions(self._bootstrap))

    async def retry(self, letter: DeadLetter) -> Position:
        """Append the original key, value and headers to the original topic again; return the new position.

        Waits until all in-sync replicas have it. ``af-retries`` counts. Raises ``Rejected`` when it cannot return.
        """
        topic, partition = await self.destination(letter)
        kept = letter.original_headers
        with self._kafka_errors():
            try:
                return await self._append(
                    topic, partition, letter, (*kept, (RETRIES, str(letter.retries + 1).encode()))
                )
            except MessageSizeTooLargeError:
                # Exactly as large as its topic accepts; it is sent without the count.
                pass
            try:
                return await self._append(topic, partition, letter, kept)
            except MessageSizeTooLargeError as exc:
                raise Rejected(f"{letter.position} is larger than {topic} accepts now: {exc}") from exc

    async def _append(self, topic: str, partition: int, letter: DeadLetter, headers: Headers) -> Position:
        # A batch of one: `send` refuses a record that has neither key nor value.
        batch = self._producer.create_batch()
        if batch.append(key=letter.key, value=letter.value, timestamp=None, headers=list(headers)) is None:
            raise MessageSizeTooLargeError(f"over {DLQ_MAX_MESSAGE_BYTES} bytes")
        done = await (await self._producer.send_batch(batch, topic, partition=partition))
        return Position(topic, partition, done.offset)

    async def _read(self, ranges: Ranges) -> AsyncIterator[DeadLetter]:
        """Yield the records of [start, end) of each partition; offsets may have gaps."""
        left = {tp: bounds for tp, bounds in ranges.items() if bounds[0] < bounds[1]}
        if not left:
            return
        self._consumer.assign(list(left))
        for tp, (start, _) in left.items():
            self._consumer.seek(tp, start)
        heard = time.monotonic()
        while left:
            with self._kafka_errors():
                fetched = await self._consumer.getmany(*left, timeout_ms=_POLL_MS)
            for tp, records in fetched.items():
                for r in records:
                    if r.offset < left[tp][1]:
                        place = Position(r.topic, r.partition, r.offset)
                        yield DeadLetter(place, r.timestamp, r.key, r.value, tuple(r.headers))
            with self._kafka_errors():
                done = [tp for tp, (_, end) in left.items() if await self._consumer.position(tp) >= end]
            for tp in done:
                del left[tp]
            if fetched or done:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._timeout_s:
                raise Unavailable("kafka", f"{self._bootstrap} returned nothing for {self._timeout_s:g} s")

    async def _ranges(
        self, tps: list[TopicPartition], since_ms: int | None = None
    ) -> dict[TopicPartition, tuple[int, int]]:
        if not tps:
            return {}
        with self._kafka_errors():
            ends = await self._consumer.end_offsets(tps)
            starts = await self._consumer.beginning_offsets(tps)
            if since_ms is not None:
                found = await self._consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
                starts = {tp: at.offset if (at := found.get(tp)) else ends[tp] for tp in tps}
        return {tp: (starts[tp], ends[tp]) for tp in tps}

    async def _topics(self) -> set[str]:
        with self._kafka_errors():
            return set(await self._admin.list_topics())

    async def _need(self, topic: str) -> None:
        if topic not in await self._topics():
            raise NotFound(f"the broker has no topic {topic}; run `python -m topics create`")

    async def _count(self, topic: str) -> int:
        if topic not in self._counts:
            with self._kafka_errors():
                self._counts[topic] = len((await self._admin.describe_topics([topic]))[0]["partitions"])
        return self._counts[topic]

    @contextmanager
    def _kafka_errors(self) -> Iterator[None]:
        try:
            yield
        except (KafkaConnectionError, OSError) as exc:
            raise Unavailable("kafka", f"no broker answers at {self._bootstrap}") from exc
        except (KafkaError, IllegalStateError) as exc:
            raise Unavailable("kafka", f"{self._bootstrap}: {type(exc).__name__}: {exc}") from exc
