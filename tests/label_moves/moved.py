"""How long processes use the version that a label named before it was moved.

Each process is ``python -m api``; they share PostgreSQL, Redis, and Kafka, which has the audit record of each move. A
dry run of a submission says which versions the run would use.
"""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from deploy.local.engines import EngineStack
from tests.support.api import migrated_database, unique
from tests.support.server import served
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import wanted

PROCESSES = 4
DEADLINE_S = 60.0
API = "/api/v1"
LABEL = f"{API}/prompts/ask/labels/production"
FLOW: dict[str, Any] = {
    "name": "flow",
    "version": 1,
    "dag": {"nodes": [{"id": "ask", "type": "llm", "config": {"prompt_ref": "ask@production"}}], "edges": []},
}


async def longest_ms(env: dict[str, str], moves: int) -> int:
    """Return the longest time after a move in which one of several processes used the version of before."""
    async with AsyncExitStack() as stack:
        clients = [(await stack.enter_async_context(served(env)))[0] for _ in range(PROCESSES)]
        for client in clients:
            client.headers["Authorization"] = f"Bearer {env['API_KEY']}"
        await asyncio.gather(*map(_until_known, clients))
        await _define(clients[0])
        return max([await _moved_ms(clients, 2 - n % 2) for n in range(moves)])


async def _define(client: httpx.AsyncClient) -> None:
    for template in ("one", "two"):
        body = {"name": "ask", "template": template, "labels": ["production"]}
        (await client.post(f"{API}/prompts", json=body)).raise_for_status()
    (await client.post(f"{API}/workflows", json=FLOW)).raise_for_status()
    (await client.put(LABEL, json={"version": 1})).raise_for_status()


async def _moved_ms(clients: list[httpx.AsyncClient], version: int) -> int:
    """Move the label to a version, and return when the last submission was sent that used another."""
    before = await _settled(clients)
    (await clients[0].put(LABEL, json={"version": version})).raise_for_status()
    moved = time.monotonic()
    return max(await asyncio.gather(*(_used_ms(client, before, moved) for client in clients)))


async def _settled(clients: list[httpx.AsyncClient]) -> str:
    """Wait until all processes use one version, and return the hash of the runs."""
    async with asyncio.timeout(DEADLINE_S):
        while len(found := set(await asyncio.gather(*map(_hash, clients)))) > 1:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.01)
    return found.pop()


async def _used_ms(client: httpx.AsyncClient, before: str, since: float) -> int:
    sent = last = since
    async with asyncio.timeout(DEADLINE_S):
        while await _hash(client) == before:
            last = sent
            await asyncio.sleep(0.01)
            sent = time.monotonic()
    return round((last - since) * 1000)


async def _hash(client: httpx.AsyncClient) -> str:
    body = {"workflow_name": "flow", "inputs": {}}
    answer = await client.post(f"{API}/workflows/runs", params={"dry_run": "true"}, json=body)
    return str(answer.raise_for_status().json()["definition_hash"])


async def _until_known(client: httpx.AsyncClient) -> None:
    """Wait until the bootstrap key is accepted."""
    async with asyncio.timeout(DEADLINE_S):
        while (await client.get(f"{API}/whoami")).status_code != 200:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.02)


async def _create_topics(bootstrap: str) -> None:
    async with TopicAdmin(bootstrap) as admin:
        await admin.create(wanted(), PARTITIONS, 1)


def measured(moves: int) -> int:
    """Measure on engines of its own."""
    with (
        tempfile.TemporaryDirectory() as home,
        EngineStack(Path(home), {"kafka", "postgres", "redis"}, durable=False) as endpoints,
    ):
        asyncio.run(_create_topics(endpoints.kafka_bootstrap))
        env = {
            "DATABASE_URL": migrated_database(endpoints.postgres_dsn),
            "REDIS_URL": endpoints.redis_url,
            "KAFKA_BOOTSTRAP": endpoints.kafka_bootstrap,
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "CLICKHOUSE_URL": "http://127.0.0.1:9",
            "API_KEY": unique("a-bootstrap-key"),
            "KEY_PEPPER": "pepper",
            "LOG_LEVEL": "ERROR",
        }
        return asyncio.run(longest_ms(env, moves))
