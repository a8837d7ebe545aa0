"""``kafka.produce``: one record for a topic that the installation allows, see ``KAFKA_PRODUCE_TOPICS``.

The broker has acknowledged the record when the step succeeds. A worker that dies before it could say so makes the step
run again, so the record may be there twice: each has the step's key in the header ``idempotency-key``, and a consumer
that ignores a key it has seen has every step's record once.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from connectors.kafka.errors import kafka_errors
from connectors.tools.context import ToolContext
from connectors.tools.effects import NotDone, Reconciled
from connectors.tools.registry import tool
from schemas.errors import BadValue, StepError, Unavailable
from schemas.values.json_text import write_json
from topics import clients
from topics.partitioner import partition_for

#: A broker that takes longer has not answered; the attempt may be made again.
REQUEST_TIMEOUT_MS = 10_000
CLIENT_ID = "agentflow-tools"

IDEMPOTENCY_HEADER = "idempotency-key"
#: Names of headers that are ours.
_RESERVED = frozenset({IDEMPOTENCY_HEADER, "content-type", "traceparent", "tracestate"})
#: Below Kafka's limit of a batch, 1 MiB, which counts what is around the record as well.
MAX_BYTES = 1_000_000
#: How long the broker may take to say where a topic is, and to take the record.
TIMEOUT_S = 15.0


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


async def _look(_context: ToolContext, _args: dict[str, Any]) -> Reconciled:
    """Say that it is safe to send again: the header tells a repetition."""
    return NotDone()


@tool(
    "kafka.produce",
    reconcile=_look,
    source="trusted",
    effects=True,
    sinks={"topic": "path", "key": "content", "value": "content", "headers": "content"},
)
async def produce(
    context: ToolContext,
    *,
    topic: str,
    value: Any,
    key: str | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Append ``value`` as JSON to a topic; return its ``topic``, ``partition``, ``offset`` and ``idempotency_key``.

    Records of one ``key`` are in one partition, by Kafka's murmur2. The headers ``idempotency-key``, ``content-type``
    and ``traceparent`` are added. Raises a final ``StepError``: ``forbidden_topic``, ``unknown_topic``, ``too_large``,
    ``bad_arguments``; ``unreachable`` may be retried.
    """
    rules = context.world.kafka
    if not rules.topics.allows(context.org_id, topic):
        raise StepError(
            "forbidden_topic", f"tools may not write the topic {topic!r}; an operator adds it to KAFKA_PRODUCE_TOPICS"
        )
    data, sent = _json(value), _headers(context, headers or {})
    by = key.encode() if key is not None else None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            done = await _sent(rules.bootstrap, topic, data, by, sent, context.idempotency_key)
    except (MessageSizeTooLargeError, RecordTooLargeError) as exc:
        raise StepError("too_large", f"the record has {len(data)} bytes, more than {topic} takes") from exc
    except UnknownTopicOrPartitionError as exc:
        raise StepError("unknown_topic", f"the broker has no topic {topic}; create it first") from exc
    except TopicAuthorizationFailedError as exc:
        raise StepError("forbidden_topic", f"the broker does not let us write {topic}; see its ACLs") from exc
    except (KafkaError, Unavailable, OSError, TimeoutError) as exc:
        raise StepError("unreachable", f"the broker did not take it: {type(exc).__name__}", retryable=True) from exc
    return {
        "topic": done.topic,
        "partition": done.partition,
        "offset": done.offset,
        "idempotency_key": context.idempotency_key,
    }


async def _sent(
    bootstrap: str, topic: str, data: bytes, key: bytes | None, headers: list[tuple[str, bytes]], step: str
) -> RecordMetadata:
    producer = await PRODUCERS.of(bootstrap)
    partitions = await producer.partitions_for(topic)
    # Without a key they spread, and a repetition is in the partition of the first one.
    where = partition_for(key if key is not None else step.encode(), len(partitions))
    return await producer.send_and_wait(topic, data, key=key, partition=where, headers=headers)


def _json(value: Any) -> bytes:
    try:
        data = write_json(value)
    except BadValue as exc:
        raise StepError("bad_arguments", f"the value cannot be JSON: {exc}") from exc
    if len(data) > MAX_BYTES:
        raise StepError("too_large", f"the value has {len(data)} bytes, the most is {MAX_BYTES}; send its URI instead")
    return data


def _headers(context: ToolContext, given: dict[str, str]) -> list[tuple[str, bytes]]:
    taken = sorted(name for name in given if name.lower() in _RESERVED)
    if taken:
        raise StepError("bad_arguments", f"the header {taken[0]} is set by the tool; leave it out")
    own = {IDEMPOTENCY_HEADER: context.idempotency_key, "content-type": "application/json", **context.trace_headers}
    return [(name, text.encode()) for name, text in {**given, **own}.items()]
