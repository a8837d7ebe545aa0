"""Submissions through each door, as other systems send them, and records of what became of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.lines import BenchError
from connectors.kafka.log import to_record
from connectors.nats.jetstream import JetStream
from connectors.ports.engine import InRecord
from deploy.local.system import ORG, System
from schemas.errors import Unavailable
from streams.roles.bridge.submissions import DURABLE, STREAM
from topics import clients
from topics.catalogue import submissions_topic
from topics.groups import group_of

RUNS = "/api/v1/workflows/runs"
TYPE = "agentflow.workflow.submit"
FLOW = "doors"
DEADLINE_S = 300.0
SUBJECT = f"agentflow.submit.{ORG}"
TOPIC = submissions_topic(ORG)
DLQ = "workflow-submissions.dlq"
#: A machine that is busy is asked again after so many seconds.
BUSY, AGAIN_S = (429, 503), (0.5, 1.0, 2.0, 4.0, 8.0)
Headers = Sequence[tuple[str, bytes]]


def flow() -> dict[str, Any]:
    """Return a workflow of one function."""
    node = {"id": "merge", "type": "function", "config": {"function_name": "result_merger"}}
    return {"name": FLOW, "version": 1, "dag": {"nodes": [node], "edges": []}}


def body(number: int | str) -> dict[str, Any]:
    """Return a submission; equal numbers are equal bodies."""
    return {"workflow_name": FLOW, "inputs": {"text": f"number {number}"}}


def structured(source: str, id_: str, data: Mapping[str, Any], **changes: Any) -> bytes:
    """Return a CloudEvent in structured mode."""
    event = {"specversion": "1.0", "id": id_, "source": source, "type": TYPE, "data": data}
    return orjson.dumps(event | changes)


def attributes(source: str, id_: str) -> dict[str, str]:
    """Return what binary mode has in headers."""
    return {"specversion": "1.0", "id": id_, "source": source, "type": TYPE}


@dataclass
class Doors:
    """Clients of a running system. Use as an async context manager."""

    system: System
    http: httpx.AsyncClient = field(init=False)
    producer: AIOKafkaProducer = field(init=False)
    jetstream: JetStream = field(init=False)

    async def __aenter__(self) -> "Doors":
        system, ends = self.system, self.system.endpoints
        self.http = httpx.AsyncClient(
            base_url=system.api_url, headers={"Authorization": f"Bearer {system.api_key}"}, timeout=60
        )
        self.producer = clients.producer(ends.kafka_bootstrap)
        await self.producer.start()
        self.jetstream = JetStream(ends.nats_url, "bench")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.jetstream.close()
        await self.producer.stop()
        await self.http.aclose()

    async def register(self, workflow: Mapping[str, Any]) -> None:
        """Register a workflow. Raises ``BenchError``."""
        answer = await self.http.post("/api/v1/workflows", json=workflow)
        if answer.status_code not in (200, 201):
            raise BenchError(f"the workflow was refused: {answer.text}")

    async def event_over_http(self, value: bytes, headers: Mapping[str, str]) -> str:
        """Submit an event; return the run that the answer names. Raises ``BenchError``."""
        return str((await self._event(RUNS, value, headers))["id"])

    async def event_over_webhook(self, address: str, value: bytes, headers: Mapping[str, str]) -> str:
        """Send an event to a webhook; return the run that the answer names. Raises ``BenchError``."""
        return str((await self._event(address, value, headers))["run_id"])

    async def trigger(self) -> tuple[str, str]:
        """Make an incoming webhook of events; return its id and its address. Raises ``BenchError``."""
        webhook = {"scheme": "url", "requests_per_minute": 60_000, "cloudevents": True}
        asked = {"name": "doors", "workflow_name": FLOW, "inputs": {"text": "payload.text"}, "webhook": webhook}
        answer = await self.http.post("/api/v1/triggers", json=asked)
        if answer.status_code != 201:
            raise BenchError(f"the webhook was refused: {answer.text}")
        made = answer.json()
        return str(made["id"]), str(made["address"])

    async def over_kafka(self, value: bytes, headers: Headers = (), key: bytes = b"k") -> None:
        """Produce a record to the organisation's submissions."""
        await self.producer.send_and_wait(TOPIC, value, key=key, headers=list(headers))

    async def over_jetstream(self, value: bytes, message_id: str, headers: Mapping[str, str] | None = None) -> None:
        """Publish a message, and wait for the stream. While NATS is busy it is sent again, with the same id."""
        for again_s in AGAIN_S:
            try:
                await self.jetstream.publish(SUBJECT, value, message_id, headers or {})
            except Unavailable:
                await asyncio.sleep(again_s)
            else:
                return
        await self.jetstream.publish(SUBJECT, value, message_id, headers or {})

    async def taken(self) -> None:
        """Wait until the bridge and the ingress have all that was sent. Raises ``BenchError``."""
        await until(self._bridged, "the bridge has taken every message")
        await until(self._ingested, "the ingress has read every submission")

    async def runs(self, where: str = "TRUE") -> Counter[str]:
        """Return how many runs history has in each status, of those with a condition of SQL."""
        connection = await asyncpg.connect(self.system.endpoints.postgres_dsn)
        try:
            rows = await connection.fetch(f"SELECT status, count(*) FROM workflow_run WHERE {where} GROUP BY status")
        finally:
            await connection.close()
        return Counter({row["status"]: row["count"] for row in rows})

    async def records(self, topic: str) -> list[InRecord]:
        """Return all records of a topic."""
        consumer = clients.consumer(self.system.endpoints.kafka_bootstrap, max_partition_fetch_bytes=8 * 1024 * 1024)
        await consumer.start()
        try:
            return await _all(consumer, topic)
        finally:
            await consumer.stop()

    async def count(self, topic: str) -> int:
        """Return how many offsets a topic has, markers of transactions too."""
        consumer = clients.consumer(self.system.endpoints.kafka_bootstrap)
        await consumer.start()
        try:
            parts = await _parts(consumer, topic)
            ends, begins = await consumer.end_offsets(parts), await consumer.beginning_offsets(parts)
        finally:
            await consumer.stop()
        return sum(ends[part] - begins[part] for part in parts)

    async def asked(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        """Return the answer to a request, which is sent again while the API is busy."""
        answer = await self.http.request(method, path, content=content, headers=dict(headers))
        for again_s in AGAIN_S:
            if answer.status_code not in BUSY:
                break
            await asyncio.sleep(again_s)
            answer = await self.http.request(method, path, content=content, headers=dict(headers))
        return answer

    async def _event(self, path: str, value: bytes, headers: Mapping[str, str]) -> Any:
        answer = await self.asked("POST", path, value, headers)
        if answer.status_code != 202:
            raise BenchError(f"an event was refused: {answer.text}")
        return answer.json()

    async def _bridged(self) -> bool:
        context = await self.jetstream._live()  # noqa: SLF001 - the bench asks what operators ask by the NATS CLI
        info = await context.consumer_info(STREAM, DURABLE)
        return not info.num_pending and not info.num_ack_pending

    async def _ingested(self) -> bool:
        admin = clients.admin(self.system.endpoints.kafka_bootstrap, 10_000)
        consumer = clients.consumer(self.system.endpoints.kafka_bootstrap)
        await asyncio.gather(admin.start(), consumer.start())
        try:
            committed = await admin.list_consumer_group_offsets(group_of("ingress"))
            described = await admin.describe_topics([TOPIC])
            partitions = [TopicPartition(TOPIC, one["partition"]) for one in described[0]["partitions"]]
            ends = await consumer.end_offsets(partitions)
        finally:
            await admin.close()
            await consumer.stop()
        return all(ends[one] == (committed[one].offset if one in committed else 0) for one in partitions)


async def until(check: Callable[[], Awaitable[bool]], what: str, every_s: float = 0.2) -> None:
    """Wait for a condition. Raises ``BenchError`` after ``DEADLINE_S``."""
    give_up = time.monotonic() + DEADLINE_S
    while not await check():
        if time.monotonic() > give_up:
            raise BenchError(f"not within {DEADLINE_S:g} s: {what}")
        await asyncio.sleep(every_s)


async def _parts(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    found = consumer.partitions_for_topic(topic)
    if not found:
        await consumer._client.force_metadata_update()  # noqa: SLF001
        found = consumer.partitions_for_topic(topic)
    return [TopicPartition(topic, number) for number in found or ()]


async def _all(consumer: AIOKafkaConsumer, topic: str) -> list[InRecord]:
    parts = await _parts(consumer, topic)
    ends = {part: end for part, end in (await consumer.end_offsets(parts)).items() if end} if parts else {}
    if not ends:
        return []
    consumer.assign(list(ends))
    await consumer.seek_to_beginning(*ends)
    found: list[InRecord] = []
    while any([await consumer.position(part) < end for part, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += [to_record(one) for one in records]
    return found
