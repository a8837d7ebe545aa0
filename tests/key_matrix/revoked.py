"""How long a revoked key works in processes that have just used it.

Each process is ``python -m api``; they share PostgreSQL and Redis, and Kafka is not needed.
"""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from deploy.local.engines import EngineStack
from tests.support.api import migrated_database, unique
from tests.support.server import served

PROCESSES = 4
DEADLINE_S = 60.0
WHOAMI = "/api/v1/whoami"


async def longest_ms(env: dict[str, str]) -> int:
    """Return the longest time in which one of several processes still took the key."""
    async with AsyncExitStack() as stack:
        clients = [(await stack.enter_async_context(served(env)))[0] for _ in range(PROCESSES)]
        admin = {"Authorization": f"Bearer {env['API_KEY']}"}
        await _until(clients[0], admin)
        made = (await clients[0].post("/api/v1/keys", json={"name": "x"}, headers=admin)).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        await asyncio.gather(*(_until(client, headers) for client in clients))
        answer = await clients[0].delete(f"/api/v1/keys/{made['id']}", headers=admin)
        answer.raise_for_status()
        revoked = time.monotonic()
        return max(await asyncio.gather(*(_refused_ms(client, headers, revoked) for client in clients)))


async def _until(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Wait until a key is accepted."""
    async with asyncio.timeout(DEADLINE_S):
        while (await client.get(WHOAMI, headers=headers)).status_code != 200:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.02)


async def _refused_ms(client: httpx.AsyncClient, headers: dict[str, str], since: float) -> int:
    """Return when the last request was sent that was still accepted."""
    sent = last = since
    async with asyncio.timeout(DEADLINE_S):
        while (await client.get(WHOAMI, headers=headers)).status_code != 401:
            last = sent
            await asyncio.sleep(0.01)
            sent = time.monotonic()
    return round((last - since) * 1000)


def measured() -> int:
    """Measure on engines of its own."""
    with (
        tempfile.TemporaryDirectory() as home,
        EngineStack(Path(home), {"postgres", "redis"}, durable=False) as endpoints,
    ):
        env = {
            "DATABASE_URL": migrated_database(endpoints.postgres_dsn),
            "REDIS_URL": endpoints.redis_url,
            "KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "CLICKHOUSE_URL": "http://127.0.0.1:9",
            "API_KEY": unique("a-bootstrap-key"),
            "KEY_PEPPER": "pepper",
            "LOG_LEVEL": "ERROR",
        }
        return asyncio.run(longest_ms(env))
