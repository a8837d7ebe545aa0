"""Old runs leave PostgreSQL and ClickHouse; held ones, open ones, those of others, and all costs stay."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.retention.run_deletion import RunTraces
from connectors.postgres.database import Database
from connectors.postgres.history.run_deletion import RunDeletion
from connectors.postgres.history.run_holds import RunHold, RunHolds
from connectors.postgres.history.run_writes import RunWrites
from connectors.postgres.history.runs import Runs
from schemas.errors import Conflict, NotFound
from schemas.records.run_views import RunView
from schemas.run_states import RunState
from services.retention.sweeper import KeptDays, Sweeper
from tests.integration.roles.test_history import step, view
from tests.integration.roles.test_trace_retention import a_trace, write

DAY_MS = 86_400_000
NOW_MS = 1_900_000_000_000


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = Database(dsn, timeout_s=10)
    yield found
    await found.close()


@pytest.fixture
async def org(database: Database) -> str:
    org = f"org-{uuid.uuid4().hex[:8]}"
    await database.fetch("make an organisation", "INSERT INTO organisation (id, name) VALUES ($1, $1)", org)
    return org


def run(run_id: str, org: str, days: int, status: RunState = "succeeded", **more: object) -> RunView:
    at_ms = NOW_MS - days * DAY_MS
    times = {"submitted_at_ms": at_ms, "finished_at_ms": at_ms + 5_000 if status != "running" else None}
    return view(f"{org}-{run_id}", 1, status, [step("a", "succeeded")], org_id=org, **(times | more))


async def left(database: Database, org: str) -> tuple[set[str], set[str]]:
    """The runs that have a row, and those that have steps."""
    runs = await database.fetch("runs", "SELECT id FROM workflow_run WHERE org_id = $1", org)
    steps = await database.fetch("steps", "SELECT workflow_run_id AS id FROM step_run WHERE org_id = $1", org)
    return {row["id"].removeprefix(f"{org}-") for row in runs}, {row["id"].removeprefix(f"{org}-") for row in steps}


async def sweep(database: Database, store: ClickHouse, org: str, days: int) -> int:
    swept = await Sweeper(KeptDays(0, {org: days}), RunDeletion(database), RunTraces(store)).sweep(NOW_MS)
    return swept.get(org, 0)


async def test_old_runs_go_and_held_open_and_young_ones_stay(database: Database, store: ClickHouse, org: str) -> None:
    writes, holds = RunWrites(database), RunHolds(database)
    await writes.write(
        [
            run("old", org, 40),
            run("failed", org, 31, "failed"),
            run("young", org, 29),
            run("open", org, 400, "running"),
            run("long", org, 40, finished_at_ms=NOW_MS - DAY_MS),
            run("undoing", org, 40, "failed", compensating=True),
            run("named", org, 50),
            run("claim", org, 50, workflow_name="claims"),
            run("in-time", org, 95),
        ]
    )
    for name, run_id, workflow, since, until in (
        ("one", f"{org}-named", None, None, None),
        ("all", None, "claims", None, None),
        ("time", None, None, NOW_MS - 100 * DAY_MS, NOW_MS - 90 * DAY_MS),
    ):
        await holds.create(org, RunHold(name, "a case", run_id, workflow, since, until, "k1"))
    with pytest.raises(Conflict, match="another name"):
        await holds.create(org, RunHold("one", "again", None, None, None, None, "k1"))
    assert await sweep(database, store, org, 30) == 2
    stay = {"young", "open", "long", "undoing", "named", "claim", "in-time"}
    assert await left(database, org) == (stay, stay)
    await holds.remove(org, "time")
    with pytest.raises(NotFound, match="GET /api/v1/retention/holds"):
        await holds.remove(org, "time")
    assert [one.name for one in await holds.all(org)] == ["all", "one"]
    assert await sweep(database, store, org, 30) == 1
    assert await left(database, org) == (stay - {"in-time"}, stay - {"in-time"})


async def test_a_deleted_run_does_not_come_back_with_a_late_view(database: Database, org: str) -> None:
    writes, deletion = RunWrites(database), RunDeletion(database)
    await writes.write([run("gone", org, 2), run("stays", org, 2)])
    found = await deletion.find(org, f"{org}-gone")
    assert found is not None
    assert (found.is_open, found.held, found.ended_ms) == (False, False, NOW_MS - 2 * DAY_MS + 5_000)
    assert await deletion.find("other", f"{org}-gone") is None
    await deletion.remember(org, f"{org}-gone", "k1")
    await deletion.delete(org, [f"{org}-gone"])
    late = view(f"{org}-gone", 2, "succeeded", [step("b", "succeeded")], org_id=org)
    await writes.write([late, view(f"{org}-stays", 2, "succeeded", [step("b", "succeeded")], org_id=org)])
    assert await left(database, org) == ({"stays"}, {"stays"})
    known = await Runs(database).body_hashes([f"{org}-gone", f"{org}-stays", f"{org}-other"])
    assert {run: found[0] for run, found in known.items()} == {f"{org}-gone": "hash", f"{org}-stays": "hash"}


async def test_spans_and_texts_of_calls_go_and_costs_stay(store: ClickHouse) -> None:
    await write(store, [a_trace(1), a_trace(2)])
    columns = ("org_id", "run_id", "call_id", "started_at", "cost_nano", "request", "response", "labels")
    calls = [
        ("acme", f"run-{number}", f"c{number}", datetime(2026, 11, 22, tzinfo=UTC), 7, "said", "heard", "{}")
        for number in (1, 2)
    ]
    await store.insert("provider_calls", columns, calls)
    await RunTraces(store).delete("acme", ["run-1"])
    await RunTraces(store).delete("other", ["run-2"])
    deadline = time.monotonic() + 30
    spans, texts = 4, [("said", 7), ("said", 7)]
    while (spans, texts) != (2, [("", 7), ("said", 7)]):
        assert time.monotonic() < deadline, (spans, texts)
        await asyncio.sleep(0.05)
        ((count,),) = await store.query("SELECT count() FROM trace_spans")
        spans = int(str(count))
        texts = [
            (str(a), int(str(b)))
            for a, b in await store.query("SELECT request, cost_nano FROM provider_calls ORDER BY call_id")
        ]
    # Labels may name who may read what the run had.
    assert await store.query("SELECT labels FROM provider_calls ORDER BY call_id") == [("",), ("{}",)]
    ((by_time,),) = await store.query("SELECT count() FROM spans_by_time")
    assert by_time == 2
