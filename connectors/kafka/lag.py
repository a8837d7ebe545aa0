"""The position of a request in its lane, read from the broker on request."""

import asyncio
import time
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import Unavailable
from topics import clients
from topics.groups import group_of
from topics.partitioner import partition_for

GROUP = group_of("worker")
#: Cache time of the broker's answers: many steps of one run, and impatient readers, cost one query.
KEPT_S = 1.0


class LaneLag:
    """Queries the broker. Its connections are opened when first needed. Takes at most ``timeout_s`` per query."""

    def __init__(self, bootstrap: str, timeout_s: float = 1.5) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._committed: dict[TopicPartition, int] = {}
        self._asked_at = float("-inf")

    async def ahead(self, topic: str, key: bytes, since_ms: int) -> int:
        """Return the approximate number of requests before the one with this key that was made at ``since_ms``.

        0 means that workers have fetched it. Raises ``Unavailable``.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._lock:
                return await self._ahead(topic, key, since_ms)
        except (KafkaError, TimeoutError, OSError) as exc:
            await self._close()
            raise Unavailable("kafka", f"the broker does not answer a question about {topic}") from exc

    async def close(self) -> None:
        """Disconnect."""
        await self._close()

    async def _ahead(self, topic: str, key: bytes, since_ms: int) -> int:
        admin, consumer = await self._connected()
        described = await admin.describe_topics([topic])
        count = len(described[0]["partitions"])
        if count == 0:
            raise Unavailable("kafka", f"topic {topic} is missing")
        at = TopicPartition(topic, partition_for(key, count))
        if time.monotonic() - self._asked_at > KEPT_S:
            found = await admin.list_consumer_group_offsets(GROUP)
            self._committed = {tp: meta.offset for tp, meta in found.items()}
            self._asked_at = time.monotonic()
        end = (await consumer.end_offsets([at]))[at]
        own = (await consumer.offsets_for_times({at: since_ms}))[at]
        committed = max(0, self._committed.get(at, 0))
        before: int = min(end, own.offset if own is not None else end)
        return max(0, before - committed)

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            timeout_ms = int(self._timeout_s * 1000)
            admin = clients.admin(self._bootstrap, timeout_ms)
            consumer = clients.consumer(self._bootstrap, request_timeout_ms=timeout_ms)
            self._clients = admin, consumer
            await admin.start()
            await consumer.start()
        return self._clients

    async def _close(self) -> None:
        pair, self._clients = self._clients, None
        if pair is None:
            return
        admin, consumer = pair
        for closing in (consumer.stop(), admin.close()):
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(closing, self._timeout_s)
