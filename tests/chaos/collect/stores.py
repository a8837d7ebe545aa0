"""What PostgreSQL, ClickHouse and Redis have in the end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import orjson
from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from connectors.redis.client import connect
from connectors.redis.keys import Slot
from schemas.settings import Settings
from schemas.tables.routes import LEARNED, arms_entity
from tests.chaos.records import RunRow, StepRow
from tests.chaos.scenarios.answers import shown
from tests.support.spend import spend_amounts
from topics.catalogue import TABLE_BUDGETS, TABLE_ROUTES
from topics.partitioner import partition_for

TABLES = ("cost_events", "provider_calls", "trace_spans", "step_events", "route_outcomes")
Spend = dict[str, dict[str, int]]


async def read_history(dsn: str) -> tuple[dict[str, RunRow], dict[str, dict[str, StepRow]]]:
    """Return the runs and their steps in PostgreSQL."""
    conn = await asyncpg.connect(dsn)
    try:
        runs = await conn.fetch(
            "SELECT id, org_id, status, cost_nano, children_nano, output::text, error::text FROM workflow_run"
        )
        steps = await conn.fetch("SELECT workflow_run_id, step_id, status, cost_nano FROM step_run")
    finally:
        await conn.close()
    found: dict[str, dict[str, StepRow]] = defaultdict(dict)
    for row in steps:
        found[row["workflow_run_id"]][row["step_id"]] = StepRow(status=row["status"], cost=row["cost_nano"])
    return {row["id"]: _run(row) for row in runs}, dict(found)


def _run(row: Mapping[str, Any]) -> RunRow:
    output = orjson.loads(row["output"]) if row["output"] else None
    error = orjson.loads(row["error"]) if row["error"] else None
    return RunRow(
        org=row["org_id"],
        status=row["status"],
        cost=row["cost_nano"],
        children_nano=row["children_nano"],
        output=None if output is None else {name: _value(one) for name, one in output.items()},
        code=error["code"] if error else "",
    )


def _value(payload: Mapping[str, Any]) -> Any:
    return shown(payload.get("value")) if payload["kind"] == "inline" else f"stored:{payload['sha256']}"


async def read_rows(url: str) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Return how many rows ClickHouse has of each run in each table, and what each run did cost by it."""
    clickhouse = ClickHouse(url, Settings().clickhouse.database)
    try:
        counts = {
            table: _by_run(await clickhouse.query(f"SELECT run_id, count() FROM {table} FINAL GROUP BY run_id"))
            for table in TABLES
        }
        nano = await clickhouse.query("SELECT run_id, sum(amount_nano) FROM settled_costs GROUP BY run_id")
    finally:
        await clickhouse.close()
    return counts, _by_run(nano)


def _by_run(rows: Iterable[tuple[object, ...]]) -> dict[str, int]:
    return {str(run): int(str(number)) for run, number in rows}


async def read_budgets(url: str, partitions: int, orgs: Iterable[str]) -> tuple[Spend, Spend]:
    """Return what each organisation has spent and has held, by spend field, without zeros."""
    redis = connect(url)
    spent: Spend = {}
    held: Spend = {}
    try:
        for org in orgs:
            spent[org], held[org] = {}, {}
            for slot in (Slot(TABLE_BUDGETS, partition) for partition in range(partitions)):
                amounts = spend_amounts(await redis.hgetall(slot.entity(org)))
                spent[org] |= {name: value for name, value in amounts.items() if value}
                held[org] |= await _hash(redis, slot.held(org))
    finally:
        await redis.aclose()
    return spent, held


async def read_learned(url: str, partitions: int, groups: Iterable[str]) -> dict[str, str]:
    """Return what the table ``routes`` has of each arm group, as JSON."""
    redis = connect(url)
    found: dict[str, str] = {}
    try:
        for group in groups:
            slot = Slot(TABLE_ROUTES, partition_for(group.encode(), partitions))
            data = await redis.hget(slot.entity(arms_entity(group)), LEARNED)
            found[group] = data.decode() if isinstance(data, bytes) else "{}"
    finally:
        await redis.aclose()
    return found


async def _hash(redis: Redis, key: str) -> dict[str, int]:
    """Return amounts by spend field, ``<dimension>|<window>``; counters of budgets and caps are judged elsewhere."""
    found = ((name.decode(), value) for name, value in (await redis.hgetall(key)).items() if b"|" in name)
    return {name: int(value) for name, value in found if value.lstrip(b"-").isdigit() and int(value)}
