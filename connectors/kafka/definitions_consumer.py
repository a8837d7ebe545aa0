"""Follows the ``definitions`` topic from its beginning, so that a process has every definition in memory."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.errors import kafka_errors
from schemas.errors import BadRecord, NewerMajor, Unavailable
from schemas.records.definitions import Definition
from topics import clients
from topics.catalogue import DEFINITIONS
from topics.codec import decode

log = logging.getLogger(__name__)

Apply = Callable[[Definition], None]
RETRY_S = 1.0


class DefinitionsFollower:
    """Calls ``apply`` for every definition, old and new, and ``loaded`` once when all old ones were applied.

    It reads without a group and restarts after any fault, so ``apply`` must accept repeats.
    """

    def __init__(self, bootstrap: str, apply: Apply, loaded: Callable[[], None]) -> None:
        self._bootstrap = bootstrap
        self._apply = apply
        self._loaded = loaded
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start following, in a task of its own."""
        self._task = asyncio.create_task(self._forever())

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _forever(self) -> None:
        while True:
            try:
                await self._follow()
            except Unavailable as exc:
                log.warning("definitions cannot be followed: %s", exc, extra={"action": "wait"})
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        consumer = clients.consumer(self._bootstrap, auto_offset_reset="earliest")
        with kafka_errors("follow definitions"):
            try:
                await consumer.start()
                ends = await self._from_the_beginning(consumer)
                waiting = {tp for tp, end in ends.items() if end > 0}
                while True:
                    waiting -= {tp for tp in waiting if await consumer.position(tp) >= ends[tp]}
                    if not waiting:
                        self._loaded()
                    fetched = await consumer.getmany(timeout_ms=1_000)
                    for records in fetched.values():
                        for record in records:
                            self._take(record.value)
            finally:
                await consumer.stop()

    async def _from_the_beginning(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        await consumer._client.add_topic(DEFINITIONS)  # noqa: SLF001 - the metadata of a topic before it is assigned
        known = consumer.partitions_for_topic(DEFINITIONS)
        if not known:
            raise Unavailable("kafka", f"topic {DEFINITIONS} is missing; run `python -m topics create`")
        partitions = [TopicPartition(DEFINITIONS, p) for p in sorted(known)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return dict(await consumer.end_offsets(partitions))

    def _take(self, value: bytes | None) -> None:
        if value is None:
            return  # a definition that compaction removed
        try:
            self._apply(decode(DEFINITIONS, value))
        except (BadRecord, NewerMajor) as exc:
            log.warning("a definition cannot be used: %s", exc, extra={"action": "skip"})
