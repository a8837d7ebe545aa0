"""Follows a compacted topic from its beginning, so that a process has the newest record of every key in memory."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.errors import kafka_errors
from schemas.errors import BadRecord, NewerMajor, Unavailable
from schemas.records.definitions import Definition
from schemas.records.rollouts.deployments import DeploymentDecided
from topics import clients
from topics.catalogue import DEFINITIONS, DEPLOYMENT_DECISIONS
from topics.codec import decode

log = logging.getLogger(__name__)

RETRY_S = 1.0


class TopicFollower:
    """Calls ``apply`` for every record of a topic, old and new, and ``loaded`` when all old ones were applied.

    It reads without a group and restarts after any fault, so ``apply`` must accept repeats.
    """

    def __init__(self, bootstrap: str, topic: str, apply: Callable[[Any], None], loaded: Callable[[], None]) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
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
                log.warning("%s cannot be followed: %s", self._topic, exc, extra={"action": "wait"})
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        consumer = clients.consumer(self._bootstrap, auto_offset_reset="earliest")
        with kafka_errors(f"follow {self._topic}"):
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
        await consumer._client.add_topic(self._topic)  # noqa: SLF001 - the metadata of a topic before it is assigned
        known = consumer.partitions_for_topic(self._topic)
        if not known:
            raise Unavailable("kafka", f"topic {self._topic} is missing; run `python -m topics create`")
        partitions = [TopicPartition(self._topic, p) for p in sorted(known)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return dict(await consumer.end_offsets(partitions))

    def _take(self, value: bytes | None) -> None:
        if value is None:
            return  # a record that compaction removed
        try:
            self._apply(decode(self._topic, value))
        except (BadRecord, NewerMajor) as exc:
            log.warning("a record of %s cannot be used: %s", self._topic, exc, extra={"action": "skip"})


class DefinitionsFollower(TopicFollower):
    """Follows the ``definitions`` topic."""

    def __init__(self, bootstrap: str, apply: Callable[[Definition], None], loaded: Callable[[], None]) -> None:
        super().__init__(bootstrap, DEFINITIONS, apply, loaded)


class DecisionsFollower(TopicFollower):
    """Follows the ``deployment-decisions`` topic."""

    def __init__(self, bootstrap: str, apply: Callable[[DeploymentDecided], None], loaded: Callable[[], None]) -> None:
        super().__init__(bootstrap, DEPLOYMENT_DECISIONS, apply, loaded)
