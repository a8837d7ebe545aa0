"""The producers that tools write by: one for each cluster and event loop of this process, made when first needed."""

import asyncio

from aiokafka import AIOKafkaProducer

from connectors.kafka.errors import kafka_errors
from topics import clients

#: A broker that takes longer has not answered; the attempt may be made again.
REQUEST_TIMEOUT_MS = 10_000
CLIENT_ID = "agentflow-tools"


class Producers:
    """Keeps producers until ``close``."""

    def __init__(self) -> None:
        self._kept: dict[tuple[asyncio.AbstractEventLoop, str], AIOKafkaProducer] = {}

    async def of(self, bootstrap: str) -> AIOKafkaProducer:
        """Return a connected producer. Raises ``Unavailable``."""
        key = (asyncio.get_running_loop(), bootstrap)
        if key not in self._kept:
            producer = clients.producer(bootstrap, client_id=CLIENT_ID, request_timeout_ms=REQUEST_TIMEOUT_MS)
            try:
                with kafka_errors("connect"):
                    await producer.start()
            except BaseException:
                await producer.stop()
                raise
            if key in self._kept:
                await producer.stop()
            self._kept.setdefault(key, producer)
        return self._kept[key]

    async def close(self) -> None:
        """Send what is buffered, and disconnect those of this loop."""
        loop = asyncio.get_running_loop()
        for key in [key for key in self._kept if key[0] is loop]:
            await self._kept.pop(key).stop()


PRODUCERS = Producers()
