"""Analytics on a real ClickHouse engine: migrations, exact money, one row a record, costs by organisation."""

import gc
import shutil
import uuid
import weakref
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from connectors.clickhouse.client import MIGRATIONS, ClickHouse, CostLine
from connectors.ports.engine import InRecord
from schemas.errors import Unavailable
from schemas.payload import Inline
from schemas.records.base import Record, Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.run_views import RunView, StepView
from schemas.records.spans import Span, TraceSpans
from streams.core.rows import COLUMNS
from streams.roles.sinks.analytics import AnalyticsSink
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS, RUN_VIEWS, TRACE_SPANS

NOV_22 = 1_795_305_600_000  # 2026-11-22T00:00:00Z
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LARGEST = 2**53 - 1


def cost(
    call: str, amount: int, kind: str = "actual", *, org: str = "acme", run: str = "r1", at: int = NOV_22
) -> CostEvent:
    return msgspec.convert(
        {
            "call_id": call,
            "kind": kind,
            "org_id": org,
            "run_id": run,
            "step_id": "s",
            "workflow_name": "wf",
            "provider": "local",
            "model": "local-gold",
            "amount_nano": amount,
            "booked_at_ms": at,
            "usage": Usage(input_tokens=10, output_tokens=1),
            "price_version": "local-1",
            "tags": {"team": "blue"},
        },
        CostEvent,
    )


def placed(topic: str, records: Sequence[Record], partition: int = 0, start: int = 0) -> list[tuple[InRecord, Record]]:
    return [(InRecord(topic, partition, start + n, NOV_22, b"k", b"{}"), record) for n, record in enumerate(records)]


async def test_migrating_again_does_nothing_and_two_at_once_agree(store: ClickHouse, clickhouse_url: str) -> None:
    assert await store.migrate() == []
    [(count,)] = await store.query("SELECT count() FROM schema_migrations FINAL")
    assert count == len(list(MIGRATIONS.glob("*.sql")))


async def test_a_changed_migration_is_refused(store: ClickHouse, tmp_path: Path) -> None:
    for file in MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text() + "\n-- changed\n")
    with pytest.raises(ValueError, match="0001_records was changed after it was applied"):
        await store.migrate(tmp_path)


#: Columns that only sweeps fill; rows of records have their defaults.
SWEPT = {"cost_events": {"calls"}}


async def test_every_table_has_exactly_the_columns_that_rows_fill(store: ClickHouse) -> None:
    for table, columns in COLUMNS.items():
        found = await store.query(
            "SELECT name FROM system.columns WHERE database = {db:String} AND table = {table:String} "
            "AND default_kind IN ('', 'DEFAULT') ORDER BY position",
            {"db": store.database, "table": table},
        )
        names = [name for (name,) in found]
        assert SWEPT.get(table, set()) <= set(names)
        assert tuple(name for name in names if name not in SWEPT.get(table, ())) == columns


async def test_money_comes_back_exact(store: ClickHouse) -> None:
    await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", LARGEST, at=NOV_22 + 123)], 3, 7))
    [row] = await store.query(
        "SELECT amount_nano, amount_usd, toUnixTimestamp64Milli(booked_at), tags, _topic, _partition, _offset "
        "FROM cost_events FINAL WHERE org_id = 'acme'"
    )
    assert row == (LARGEST, Decimal("9007199.254740991"), NOV_22 + 123, {"team": "blue"}, COST_EVENTS, 3, 7)


async def test_a_record_written_often_counts_once(store: ClickHouse) -> None:
    sink = AnalyticsSink(store)
    batch = placed(COST_EVENTS, [cost("c1", 5), cost("c2", 7), cost("c1", 5)])
    await sink.write(batch)
    await sink.write(batch[1:])
    await sink.write(placed(COST_EVENTS, [cost("c2", 7)], start=90))
    assert await store.query("SELECT count(), sum(amount_nano) FROM cost_events FINAL") == [(2, 12)]
    assert await store.query("SELECT sum(calls), sum(amount_nano) FROM cost_by_hour") == [(2, 12)]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
async def test_an_actual_settlement_replaces_the_presumed_one(store: ClickHouse, order: tuple[int, ...]) -> None:
    settlements = [cost("c1", 500, "presumed"), cost("c1", 30), cost("c2", 9, "presumed")]
    for n in order:
        await AnalyticsSink(store).write(placed(COST_EVENTS, [settlements[n]], start=n))
    assert await store.query("SELECT call_id, settled_as, amount_nano FROM settled_costs ORDER BY call_id") == [
        ("c1", "actual", 30),
        ("c2", "presumed", 9),
    ]
    assert await store.costs("acme") == [CostLine("r1", "local", "local-gold", 2, 20, 2, 39)]


async def test_a_call_that_did_not_happen_takes_its_estimate_back_and_is_no_call(store: ClickHouse) -> None:
    settlements = [cost("c1", 500, "presumed"), cost("c1", 0), cost("c2", 0), cost("c3", 7)]
    await AnalyticsSink(store).write(placed(COST_EVENTS, settlements))
    assert await store.query("SELECT sum(calls), sum(amount_nano) FROM cost_by_hour") == [(1, 7)]
    [line] = await store.costs("acme")
    assert (line.calls, line.amount_nano) == (1, 7)


@pytest.mark.parametrize("months", [(0, 0, 0), (0, 1, 2), (2, 1, 0)], ids=["one", "rising", "falling"])
async def test_the_first_settlement_of_a_call_stands_as_in_the_fold(store: ClickHouse, months: tuple[int, ...]) -> None:
    """Also where its copies lie in several months, whose parts never merge."""
    for offset, amount in ((1, 70), (0, 30), (2, 50)):
        copy = cost("c1", amount, at=NOV_22 + months[offset] * 31 * DAY_MS)
        await AnalyticsSink(store).write(placed(COST_EVENTS, [copy], start=offset))
    assert await store.query("SELECT amount_nano FROM settled_costs") == [(30,)]
    await store.query("OPTIMIZE TABLE cost_events FINAL")
    assert await store.query("SELECT amount_nano FROM settled_costs") == [(30,)]
    assert await store.query("SELECT count() FROM cost_events") == [(len(set(months)),)]


async def test_rollups_sum_all_kinds_of_usage_of_the_settlements_that_count(store: ClickHouse) -> None:
    used = Usage(input_tokens=10, output_tokens=4, cache_read_tokens=7, reasoning_tokens=3)
    presumed = structs.replace(cost("c1", 9, kind="presumed"), usage=Usage(input_tokens=99, cache_read_tokens=99))
    events = [presumed, structs.replace(cost("c1", 5), usage=used), structs.replace(cost("c2", 5), usage=used)]
    for _ in range(2):
        await AnalyticsSink(store).write(placed(COST_EVENTS, events))
    [row] = await store.query(
        "SELECT input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, cache_write_tokens, amount_nano "
        "FROM cost_by_hour WHERE org_id = 'acme'"
    )
    assert row == (20, 8, 14, 6, 0, 10)


async def test_costs_are_those_of_one_organisation(store: ClickHouse) -> None:
    records = [cost("c1", 1), cost("c2", 2, run="r2"), cost("c3", 4, org="umbrella"), cost("c4", 8, run="r2")]
    await AnalyticsSink(store).write(placed(COST_EVENTS, records))
    first = CostLine("r1", "local", "local-gold", 1, 10, 1, 1)
    second = CostLine("r2", "local", "local-gold", 2, 20, 2, 10)
    assert await store.costs("acme") == [first, second]
    assert await store.costs("acme", ["r2", "r9"]) == [second]
    assert await store.costs("acme", limit=1) == [first]
    assert await store.costs("x' OR '1'='1") == []


async def test_hours_and_months_are_kept_apart(store: ClickHouse) -> None:
    times = [NOV_22, NOV_22 + HOUR_MS - 1, NOV_22 + HOUR_MS, NOV_22 + 10 * DAY_MS]
    await AnalyticsSink(store).write(placed(COST_EVENTS, [cost(f"c{n}", 1, at=t) for n, t in enumerate(times)]))
    rows = await store.query("SELECT hour, amount_usd FROM cost_by_hour WHERE org_id = 'acme' ORDER BY hour")
    assert [(hour.isoformat(), usd) for hour, usd in rows if isinstance(hour, datetime)] == [
        ("2026-11-22T00:00:00", Decimal("0.000000002")),
        ("2026-11-22T01:00:00", Decimal("0.000000001")),
        ("2026-12-02T00:00:00", Decimal("0.000000001")),
    ]


async def test_strange_dates_do_not_fail_a_batch(store: ClickHouse) -> None:
    records = [cost(f"c{n}", 1, at=n * 31 * DAY_MS) for n in range(150)] + [cost("far", 1, at=2**53 - 1)]
    await AnalyticsSink(store).write(placed(COST_EVENTS, records))
    assert await store.query("SELECT count() FROM cost_events FINAL") == [(151,)]


async def test_calls_spans_and_steps_become_rows(store: ClickHouse) -> None:
    call = ProviderCall(
        call_id="c1",
        request_id="q1",
        org_id="acme",
        run_id="r1",
        step_id="s",
        attempt=1,
        workflow_name="wf",
        provider="local",
        model="local-gold",
        outcome="ok",
        cost_nano=5,
        started_at_ms=NOV_22,
        latency_ms=12.5,
        idempotency_key="q1",
        request=Inline(value={"prompt": "é"}),
    )
    span = Span(
        span_id="b" * 16, name="chat", kind="client", start_ns=NOV_22 * 10**6, end_ns=NOV_22 * 10**6 + 1_500_000
    )
    spans = TraceSpans(record_id="q1", trace_id="a" * 32, org_id="acme", run_id="r1", spans=[span])
    steps = [StepView(step_id=f"a[{n}]", node_id="a", kind="llm", state="running") for n in range(3)]
    view = RunView(
        run_id="r1",
        org_id="acme",
        version=4,
        workflow_name="wf",
        workflow_version=1,
        status="running",
        source="api",
        body_hash="h",
        spec_hash="h",
        submitted_at_ms=NOV_22,
        trace_id="a" * 32,
        steps=steps,
    )
    later = structs.replace(view, version=9, steps=[structs.replace(steps[1], state="succeeded")])
    batch = [
        *placed(PROVIDER_CALLS, [call, call]),
        *placed(TRACE_SPANS, [spans], 1),
        *placed(RUN_VIEWS, [view, later, structs.replace(view, steps=[])], 2),
    ]
    for _ in range(2):
        await AnalyticsSink(store).write(batch)
    assert await store.query("SELECT calls, latency_ms FROM calls_by_hour WHERE org_id = 'acme'") == [(1, [12.5] * 3)]
    assert await store.query("SELECT request, response FROM provider_calls FINAL") == [
        ('{"kind":"inline","value":{"prompt":"é"}}', "")
    ]
    assert await store.query("SELECT name, duration_ms FROM trace_spans FINAL") == [("chat", 1.5)]
    assert await store.query(
        "SELECT step_id, argMax(state, version) FROM step_events FINAL WHERE org_id = 'acme' AND run_id = 'r1' "
        "GROUP BY step_id ORDER BY step_id"
    ) == [("a[0]", "running"), ("a[1]", "succeeded"), ("a[2]", "running")]


async def test_one_insert_for_all_partitions(store: ClickHouse) -> None:
    noted: list[tuple[str, int]] = []

    class Noting:
        """The real store, with a note of each insert."""

        async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
            noted.append((table, len(rows)))
            await store.insert(table, columns, rows)

    records = [cost(f"c{n}", 1) for n in range(40)]
    batch = [pair for n, record in enumerate(records) for pair in placed(COST_EVENTS, [record], n % 4, n)]
    await AnalyticsSink(Noting()).write(batch)
    assert noted == [("cost_events", 40)]
    found = await store.query("SELECT _partition, count() FROM cost_events GROUP BY _partition ORDER BY _partition")
    assert found == [(partition, 10) for partition in range(4)]


class Text(str):
    """Text that can be watched."""

    __slots__ = ("__weakref__",)


async def test_rows_are_freed_once_they_are_written(store: ClickHouse) -> None:
    """Python looks for garbage so rarely that rows must not be part of a cycle."""
    text = Text("a name")
    rows, watched = [(text, "a digest")], weakref.ref(text)
    gc.disable()
    try:
        await store.insert("schema_migrations", ("name", "sha256"), rows)
        assert len(rows) == 1, "what was handed in is its owner's"
        del rows, text
        assert watched() is None
    finally:
        gc.enable()


async def test_an_organisation_is_found_by_the_primary_key(store: ClickHouse) -> None:
    await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", 1)]))
    plan = await store.query("EXPLAIN indexes = 1 SELECT * FROM cost_by_hour WHERE org_id = 'acme'")
    text = "\n".join(str(line) for (line,) in plan)
    assert "PrimaryKey" in text
    assert "Condition: (org_id in" in text


async def test_a_server_that_is_down_is_unavailable() -> None:
    store = ClickHouse("http://127.0.0.1:1", "agentflow")
    with pytest.raises(Unavailable) as down:
        await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", 1)]))
    assert down.value.dependency == "clickhouse"
    await store.close()


async def test_a_database_of_an_earlier_version_says_what_to_do(clickhouse_url: str, tmp_path: Path) -> None:
    for file in sorted(MIGRATIONS.glob("*.sql"))[:3]:
        shutil.copy(file, tmp_path)
    store = ClickHouse(clickhouse_url, f"test_{uuid.uuid4().hex}")
    await store.migrate(tmp_path)
    with pytest.raises(Unavailable, match="make migrate-up"):
        await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", 1)]))
    await store.migrate()
    await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", 1)]))
    await store.close()


async def test_a_database_that_was_not_migrated_says_what_to_do(clickhouse_url: str) -> None:
    store = ClickHouse(clickhouse_url, f"test_{uuid.uuid4().hex}")
    with pytest.raises(Unavailable, match="make migrate-up"):
        await AnalyticsSink(store).write(placed(COST_EVENTS, [cost("c1", 1)]))
    await store.close()
