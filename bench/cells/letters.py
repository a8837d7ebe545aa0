"""Events that nobody could take before a move: their dead letters are in the other cell, and are retried there."""

import asyncio
import json
import time
from collections import Counter

import asyncpg
import httpx

from bench.lines import BenchError
from deploy.local.system import System
from schemas.cloudevents.submission import EVENT_TYPE
from topics import clients
from topics.catalogue import submissions_topic
from topics.dead_letters.letter import source_of
from topics.dead_letters.log import DeadLetterLog

EVENTS = 20
#: Nobody has registered it when the events come.
WORKFLOW = "registered-later"
WITHIN_S = 60.0
_LOOK_S = 0.2
_RETRY = "/api/v1/admin/dead-letters/retry"
_ENDED = "SELECT count(*) FROM workflow_run WHERE org_id = $1 AND workflow_name = $2 AND status = 'succeeded'"


async def put_aside(east: System, org_id: str) -> set[bytes]:
    """Produce events of a workflow that is not there; return them once all are put aside. Raises ``BenchError``."""
    bodies = {event(WORKFLOW, number) for number in range(EVENTS)}
    await produced(east, org_id, bodies)
    until = time.monotonic() + WITHIN_S
    while not bodies <= (await letters(east, org_id)).keys():
        if time.monotonic() > until:
            raise BenchError("events of a workflow that is not there are not put aside")
        await asyncio.sleep(_LOOK_S)
    return bodies


async def lost(west: System, org_id: str, bodies: set[bytes]) -> int:
    """Return how many of the events are not exactly one dead letter in the other cell."""
    found = await letters(west, org_id)
    return sum(found[body] != 1 for body in bodies)


def retry_all(west: System, org_id: str, client: httpx.Client) -> None:
    """Register the workflow and retry the organisation's letters in the other cell. Raises ``BenchError``.

    ``client`` sends a key of the organisation to it.
    """
    nodes = [{"id": "only", "type": "function", "config": {"function_name": "result_merger"}}]
    _ok(client.post("/api/v1/workflows", json={"name": WORKFLOW, "version": 1, "dag": {"nodes": nodes, "edges": []}}))
    with west.client() as admin:
        found = _ok(admin.get("/api/v1/admin/dead-letters", params={"topic": submissions_topic(org_id)}))
        _ok(admin.post(_RETRY, json={"positions": [one["position"] for one in found.json()["letters"]]}))


async def without_run(west: System, org_id: str, events: int) -> int:
    """Return how many of the retried events have no run that succeeded."""
    connection = await asyncpg.connect(west.endpoints.postgres_dsn)
    try:
        until = time.monotonic() + WITHIN_S
        while True:
            ended = int(await connection.fetchval(_ENDED, org_id, WORKFLOW))
            if ended >= events or time.monotonic() > until:
                return abs(events - ended)
            await asyncio.sleep(_LOOK_S)
    finally:
        await connection.close()


def event(workflow: str, number: int) -> bytes:
    """Return a submission of a workflow as a structured CloudEvent."""
    data = {"workflow_name": workflow, "inputs": {"text": f"{workflow} {number}"}}
    return json.dumps(
        {"specversion": "1.0", "id": f"{workflow}-{number}", "source": "/cells", "type": EVENT_TYPE, "data": data}
    ).encode()


async def produced(system: System, org_id: str, bodies: set[bytes]) -> None:
    """Produce events to an organisation's topic in a cell."""
    producer = clients.producer(system.endpoints.kafka_bootstrap)
    await producer.start()
    try:
        for body in bodies:
            await producer.send_and_wait(submissions_topic(org_id), body)
    finally:
        await producer.stop()


async def letters(system: System, org_id: str, reason: str | None = None) -> Counter[bytes]:
    """Return how many dead letters each event of an organisation has in a cell, those with a reason if it is given."""
    async with DeadLetterLog(system.endpoints.kafka_bootstrap) as log:
        found = [one async for one in log.scan(source_of(submissions_topic(org_id)))]
    return Counter(one.value or b"" for one in found if reason in (None, one.reason))


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 300:
        raise BenchError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer
