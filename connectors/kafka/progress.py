"""How far topics and their readers are, read from the broker on request."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import Unavailable
from topics import clients


class LogProgress:
    """Asks the broker, with connections of its own for each question. Every method raises ``Unavailable``.

    A question takes at most ``timeout_s``.
    """

    def __init__(self, bootstrap: str, timeout_s: float = 5.0) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the offset after the last record of each partition."""
        consumer = clients.consumer(self._bootstrap, request_timeout_ms=int(self._timeout_s * 1000))
        try:
            async with asyncio.timeout(self._timeout_s):
                await consumer.start()
                await consumer._client.add_topic(topic)  # noqa: SLF001 - the metadata of a topic that is not assigned
                partitions = consumer.partitions_for_topic(topic) or set()
                found = await consumer.end_offsets([TopicPartition(topic, partition) for partition in partitions])
        except (KafkaError, TimeoutError, OSError) as exc:
            raise Unavailable("kafka", f"the ends of {topic} cannot be read now") from exc
        finally:
            await consumer.stop()
        return {at.partition: end for at, end in found.items()}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the offset up to which a group has finished each partition; those without one are left out."""
        admin = clients.admin(self._bootstrap, int(self._timeout_s * 1000))
        try:
            async with asyncio.timeout(self._timeout_s):
                await admin.start()
                found = await admin.list_consumer_group_offsets(group)
        except (KafkaError, TimeoutError, OSError) as exc:
            raise Unavailable("kafka", f"the offsets of {group} cannot be read now") from exc
        finally:
            await admin.close()
        return {at.partition: meta.offset for at, meta in found.items() if at.topic == topic and meta.offset >= 0}
