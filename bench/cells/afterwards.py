"""After a move: events that are produced to the old cell's topic, and the removal of what stayed there."""

import json
import time

import httpx

from bench.lines import BenchError
from deploy.local.system import System
from schemas.cloudevents.submission import EVENT_TYPE
from streams.roles.moved_events import ORG_MOVED
from topics import clients
from topics.catalogue import submissions_topic
from topics.dead_letters.letter import source_of
from topics.dead_letters.log import DeadLetterLog

EVENTS = 20
PUT_ASIDE_WITHIN_S = 60.0
CLEAN_WITHIN_S = 120.0
REQUEST_S = 60.0


async def late_events_lost(east: System, org_id: str) -> int:
    """Produce events to the topic of an organisation that left; return how many were not put aside as they are."""
    bootstrap, topic = east.endpoints.kafka_bootstrap, submissions_topic(org_id)
    bodies = {_event(number) for number in range(EVENTS)}
    producer = clients.producer(bootstrap)
    await producer.start()
    try:
        for body in bodies:
            await producer.send_and_wait(topic, body)
    finally:
        await producer.stop()
    until = time.monotonic() + PUT_ASIDE_WITHIN_S
    async with DeadLetterLog(bootstrap) as log:
        while True:
            found = {one.value async for one in log.scan(source_of(topic)) if one.reason == ORG_MOVED}
            if bodies <= found or time.monotonic() > until:
                return len(bodies - found)


def cleaned(east: System, org_id: str, moved: httpx.Client) -> tuple[int, int]:
    """Remove what an organisation left; return how much was removed and how much is left.

    ``moved`` sends a key of the organisation. Raises ``BenchError`` where the old cell does not send it on any more.
    """
    removed, until = 0, time.monotonic() + CLEAN_WITHIN_S
    with east.client() as admin:
        while True:
            path = f"/api/v1/organisations/{org_id}/moves/remains"
            answer = admin.request("DELETE", path, timeout=REQUEST_S)
            if answer.status_code != 200:
                raise BenchError(f"the old cell is not cleaned: {answer.status_code} {answer.text[:300]}")
            found = answer.json()
            removed += sum(found["removed"].values())
            if not found["counts"] or time.monotonic() > until:
                break
    status = moved.get("/api/v1/workflows").status_code
    if status != 307:
        raise BenchError(f"a client of the organisation gets {status} in the old cell, and not the other one's address")
    return removed, sum(found["counts"].values())


def _event(number: int) -> bytes:
    data = {"workflow_name": "greet", "inputs": {"text": f"late {number}"}}
    event = {"specversion": "1.0", "id": f"late-{number}", "source": "/late", "type": EVENT_TYPE, "data": data}
    return json.dumps(event).encode()
