"""Makes every client of Kafka, Faust's included: how a process reaches the brokers is decided here and nowhere else.

It is below ``connectors`` because the topics' own commands talk to the brokers, too. Clients are not started yet.
"""

import logging
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

# aiokafka builds a debug log record on every send unless its loggers stand above DEBUG.
logging.getLogger("aiokafka").setLevel(logging.WARNING)


def producer(bootstrap: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer whose records are acknowledged by all in-sync replicas; ``options`` are aiokafka's."""
    return AIOKafkaProducer(acks="all", **_access(bootstrap), **options)


def consumer(bootstrap: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer that never commits offsets by itself; ``options`` are aiokafka's."""
    return AIOKafkaConsumer(enable_auto_commit=False, **_access(bootstrap), **options)


def admin(bootstrap: str, timeout_ms: int) -> AIOKafkaAdminClient:
    """Return a client for topics and groups."""
    return AIOKafkaAdminClient(request_timeout_ms=timeout_ms, **_access(bootstrap))


def faust_access(bootstrap: str) -> dict[str, Any]:
    """Return what Faust's app must be told of the brokers."""
    return {"broker": [f"aiokafka://{server}" for server in bootstrap.split(",")]}


def _access(bootstrap: str) -> dict[str, Any]:
    return {"bootstrap_servers": bootstrap}
