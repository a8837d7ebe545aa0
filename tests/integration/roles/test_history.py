"""The history sink on a real PostgreSQL: newest wins, whatever the order and however often."""

import random
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from msgspec import structs

from api.render import steps as render_steps
from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.postgres.history.run_counts import ChildrenCount
from connectors.postgres.history.run_writes import RunWrites
from connectors.postgres.history.runs import RunFilter, Runs
from schemas.errors import Unavailable
from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo, Usage
from schemas.records.run_views import RunView, StepView
from schemas.run_states import RunState, StepState
from streams.roles.sinks.history import HistorySink
from tests.support.api import unique

SUBMITTED_MS = 1_763_831_207_123
FAR = msgspec.to_builtins(Reference(uri="objects:///org/x", sha256="a" * 64, size=9, length=2))


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = Database(dsn, timeout_s=10)
    yield found
    await found.close()


def step(step_id: str, state: StepState, **more: object) -> StepView:
    fields = {"node_id": step_id.partition("[")[0], "kind": "function", "requested_at_ms": SUBMITTED_MS} | more
    return msgspec.convert({"step_id": step_id, "state": state, **fields}, StepView)


def view(run_id: str, version: int, status: RunState, steps: list[StepView], **more: object) -> RunView:
    fields: dict[str, object] = {
        "org_id": "org",
        "workflow_name": "flow",
        "workflow_version": 1,
        "source": "api",
        "body_hash": "hash",
        "spec_hash": "spec",
        "submitted_at_ms": SUBMITTED_MS,
        "trace_id": "trace",
    } | more
    return msgspec.convert({"run_id": run_id, "version": version, "status": status, "steps": steps, **fields}, RunView)


USED = Usage(input_tokens=7, output_tokens=2, cache_read_tokens=4, web_searches=1)


def life(run_id: str) -> list[RunView]:
    """A run's views as the orchestrator makes them; the last event made two records of one version."""
    done = step("a", "succeeded", output=inline({"x": 1}), cost_nano=5, usage=USED)
    return [
        view(
            run_id,
            10,
            "running",
            [step("a", "ready"), step("b", "pending")],
            inputs={"k": "v\0", "big": None},
            stored_inputs={"big": FAR},
            tags={"t": "1"},
            policy="guard@1",
            input_labels={"$": ["user"]},
        ),
        view(run_id, 12, "running", [done], tags={"t": "1"}, cost_nano=5),
        view(run_id, 15, "succeeded", [step("b", "succeeded", output=inline(2))], output={"b": inline(2)}, cost_nano=9),
        view(run_id, 15, "succeeded", [step("c", "skipped")], cost_nano=9),
    ]


def sunk(views: list[RunView]) -> list[tuple[InRecord, RunView]]:
    return [(InRecord("run-views", 0, n, 0, v.run_id.encode(), b""), v) for n, v in enumerate(views)]


async def test_any_order_and_any_repeat_give_the_same_rows(database: Database) -> None:
    sink, runs = HistorySink(RunWrites(database)), Runs(database)
    expected = None
    for seed in range(12):
        run_id = unique("run")
        views = life(run_id) * 2
        dice = random.Random(seed)
        if seed:
            dice.shuffle(views)
        cut = dice.randrange(len(views) + 1)
        for batch in (views[:cut], views[cut:], views[: dice.randrange(3)]):
            await sink.write(sunk(batch))
        found = await runs.get("org", run_id, step_outputs=True)
        assert found is not None
        run, steps = found
        assert run.security == {"policy": "guard@1", "inputs": {"$": ["user"]}}, f"seed {seed}"
        seen = (run.status, run.inputs, run.stored_inputs, run.output, run.cost_nano, run.tags, run.created_ms, steps)
        expected = expected or seen
        assert seen == expected, f"seed {seed}"
    assert expected is not None
    status, inputs, stored, output, cost, _, created_ms, steps = expected
    assert (status, inputs, cost, created_ms) == ("succeeded", {"k": "v\0", "big": None}, 9, SUBMITTED_MS)
    assert stored == {"big": FAR}
    assert output == {"b": {"kind": "inline", "value": 2}}
    assert [(s.step_id, s.status, s.input_tokens, s.kinds) for s in steps] == [
        ("a", "succeeded", 7, {"cache_read_tokens": 4, "web_searches": 1}),
        ("b", "succeeded", 0, None),
        ("c", "skipped", 0, None),
    ]


async def test_characters_that_text_cannot_hold_are_replaced(database: Database) -> None:
    run_id = unique("run")
    error = ErrorInfo(code="bad", message="a\0b")
    await RunWrites(database).write(
        [view(run_id, 1, "failed", [step("a", "failed", worker_id="w\0", error=error)], tags={"k": "\0"}, error=error)]
    )
    found = await Runs(database).get("org", run_id)
    assert found is not None
    assert found[0].tags == {"k": "\ufffd"}
    assert found[0].error is not None
    assert found[0].error["message"] == "a\0b"


async def test_another_organisation_neither_reads_nor_overwrites(database: Database) -> None:
    runs, writes = Runs(database), RunWrites(database)
    run_id = unique("run")
    await writes.write([view(run_id, 1, "running", [step("a", "ready")])])
    await writes.write([view(run_id, 2, "failed", [step("a", "failed")], org_id="other")])
    assert await runs.get("other", run_id) is None
    found = await runs.get("org", run_id)
    assert found is not None
    assert (found[0].status, found[1][0].status) == ("running", "ready")


async def test_pages_are_complete_in_order_and_filtered(database: Database) -> None:
    org = unique("org")
    views = [
        view(f"{org}-{n}", n, "failed" if n % 3 == 0 else "running", [], org_id=org, tags={"even": str(n % 2 == 0)})
        for n in range(25)
    ]
    views[7] = structs.replace(views[7], submitted_at_ms=SUBMITTED_MS + 5000, workflow_name="other")
    await RunWrites(database).write(views)
    runs = Runs(database)

    async def listed(**wanted: object) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page, cursor = await runs.page(org, RunFilter(limit=4, cursor=cursor, **wanted))  # type: ignore[arg-type]
            found += [run.id for run in page]
            if cursor is None:
                return found

    newest_first = sorted(views, key=lambda v: (v.submitted_at_ms, v.run_id), reverse=True)
    assert await listed() == [v.run_id for v in newest_first]
    assert await listed(status="failed") == [v.run_id for v in newest_first if v.status == "failed"]
    assert await listed(workflow="other") == [views[7].run_id]
    assert await listed(since_ms=SUBMITTED_MS + 1) == [views[7].run_id]
    assert await listed(tags={"even": "True"}) == [v.run_id for v in newest_first if v.tags["even"] == "True"]
    assert await listed(tags={"even": "True"}, status="failed", workflow="other") == []


async def test_runs_that_other_runs_started_are_found_by_them(database: Database) -> None:
    org = unique("org")
    parents = {"awaited": False, "detached": True}
    views = [
        view(f"{org}-{name}", 1, "failed", [], org_id=org, parent=dict(place(org), detached=detached))
        for name, detached in parents.items()
    ]
    waits = step("a", "waiting", kind="workflow", child_run_id=f"{org}-awaited")
    views.append(view(org, 1, "running", [waits], org_id=org, children_nano=7))
    await RunWrites(database).write(views)
    runs = Runs(database)
    children, _ = await runs.page(org, RunFilter(parent_run_id=org))
    assert {(run.id, run.parent_step_id, run.parent_detached) for run in children} == {
        (f"{org}-awaited", "a", False),
        (f"{org}-detached", "a", True),
    }
    assert await runs.count(org, RunFilter(awaited=False)) == 2
    found = await runs.get(org, org)
    assert found is not None
    assert (found[0].parent_run_id, found[0].children_nano) == (None, 7)
    assert found[1][0].child_run_id == f"{org}-awaited"


def place(run_id: str) -> dict[str, object]:
    return {"run_id": run_id, "step_id": "a", "attempt": 1}


async def test_a_database_that_is_down_is_unavailable_and_found_again() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", timeout_s=1)
    with pytest.raises(Unavailable, match="postgres"):
        await HistorySink(RunWrites(database)).write(sunk(life("run")))
    await database.close()


async def test_a_statement_that_hangs_ends_in_time(dsn: str) -> None:
    database = Database(dsn, timeout_s=0.3)
    started = time.perf_counter()
    with pytest.raises(Unavailable, match="no answer in time"):
        async with database.transaction("sleep") as conn:
            await conn.execute("SELECT pg_sleep(20)")
    assert time.perf_counter() - started < 15, "not when the statement ends"
    await database.ping()
    await database.close()


async def test_thousands_of_views_a_second(database: Database) -> None:
    async def rate() -> float:
        prefix = unique("run")
        views = [v for n in range(500) for v in life(f"{prefix}-{n}")]
        started = time.perf_counter()
        await HistorySink(RunWrites(database)).write(sunk(views))
        return len(views) / (time.perf_counter() - started)

    # A machine that stalls is no fault; one that does so three times running is not likely.
    rates = [await rate()]
    while rates[-1] <= 1000 and len(rates) < 3:
        rates.append(await rate())
    assert max(rates) > 1000


async def test_children_are_counted_with_all_kinds_of_usage(database: Database) -> None:
    run_id = unique("run")
    cached = Usage(input_tokens=7, output_tokens=2, cache_read_tokens=4)
    children = [
        step("m[0]", "succeeded", usage=cached, cost_nano=5),
        step("m[1]", "succeeded", usage=cached, cost_nano=6),
        step("m[2]", "failed", usage=Usage(input_tokens=1, reasoning_tokens=3)),
        step("m[3]", "running"),
    ]
    await RunWrites(database).write([view(run_id, 1, "running", children)])
    found = (await Runs(database).children("org", run_id))["m"]
    assert found == {
        "succeeded": ChildrenCount(2, 11, 14, 4, {"cache_read_tokens": 8}),
        "failed": ChildrenCount(1, 0, 1, 0, {"reasoning_tokens": 3}),
        "running": ChildrenCount(1, 0, 0, 0),
    }
    tokens = render_steps.children(None, found).tokens
    assert (tokens.input, tokens.output, tokens.kinds) == (15, 4, {"cache_read_tokens": 8, "reasoning_tokens": 3})
