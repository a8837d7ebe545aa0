"""How runs ended, by the log of views and by history."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection

import asyncpg

from bench.lines import BenchError
from connectors.kafka.log import KafkaLog
from deploy.local.engines import Endpoints
from schemas.run_states import TERMINAL_RUN
from topics.catalogue import RUN_VIEWS
from topics.codec import decode

WITHIN_S = 240.0
STILL_S = 3.0
_POLL_S = 0.5


async def wait_for_ends(endpoints: Endpoints, runs: Collection[str], within_s: float = WITHIN_S) -> dict[str, str]:
    """Return how runs ended, once history has every end. Raises ``BenchError`` when some do not end."""
    deadline = time.monotonic() + within_s
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        while True:
            rows = await conn.fetch("SELECT id, status FROM workflow_run WHERE id = ANY($1)", list(runs))
            found = {str(row["id"]): str(row["status"]) for row in rows if row["status"] in TERMINAL_RUN}
            if len(found) == len(set(runs)):
                return found
            if time.monotonic() > deadline:
                left = sorted(set(runs) - found.keys())
                raise BenchError(f"{len(left)} of {len(runs)} runs do not end, {left[0]} among them")
            await asyncio.sleep(_POLL_S)
    finally:
        await conn.close()


async def wait_for_quiet(endpoints: Endpoints, still_s: float = STILL_S) -> None:
    """Wait until history has not changed for some seconds. Raises ``BenchError`` when it never does."""
    deadline = time.monotonic() + WITHIN_S
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        before, since = None, time.monotonic()
        while time.monotonic() - since < still_s:
            (now,) = await conn.fetch("SELECT count(*), sum(version), sum(cost_nano) FROM workflow_run")
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise BenchError(f"history still changes after {WITHIN_S:.0f} s")
            await asyncio.sleep(_POLL_S)
    finally:
        await conn.close()


async def ends_in_log(endpoints: Endpoints) -> dict[str, set[str]]:
    """Return every terminal status that the log of views has of each run: more than one is a run that ended twice."""
    found: dict[str, set[str]] = defaultdict(set)
    async with KafkaLog(endpoints.kafka_bootstrap) as log:
        for partition in range(await log.partitions(RUN_VIEWS)):
            bounds = await log.bounds(RUN_VIEWS, partition)
            async for batch in log.read(RUN_VIEWS, partition, bounds.first, bounds.end):
                for record in batch:
                    if record.value is None:
                        continue
                    view = decode(RUN_VIEWS, record.value)
                    if view.status in TERMINAL_RUN:
                        found[view.run_id].add(view.status)
    return dict(found)
