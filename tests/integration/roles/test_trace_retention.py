"""What is deleted of traces in ClickHouse, and that costs are not."""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.trace_retention import TABLES, TraceRetention
from schemas.records.spans import Span, TraceSpans
from services.observability.traces.sampling import TracePolicy
from streams.core.rows import COLUMNS, Origin, rows_of
from topics.catalogue import TRACE_SPANS

AT_MS = 1_795_305_600_000
POLICY = TracePolicy(share=0.5, dear_nano=1_000, slow_ms=10_000)


def a_trace(number: int, *, failed: bool = False, cost_nano: int = 0, took_ms: int = 5, bits: str = "f") -> TraceSpans:
    trace, start_ns = f"{bits}{number:031x}", AT_MS * 1_000_000
    run = Span(span_id=f"r{number}", name="run", start_ns=start_ns, end_ns=start_ns + took_ms * 1_000_000, type="run")
    call = Span(
        span_id=f"c{number}",
        parent_span_id=run.span_id,
        name="call",
        start_ns=start_ns,
        end_ns=start_ns + 1,
        type="llm_call",
        status="error" if failed else "ok",
        cost_nano=cost_nano,
    )
    return TraceSpans(record_id=f"x{number}", trace_id=trace, org_id="acme", run_id=f"run-{number}", spans=[run, call])


async def write(store: ClickHouse, records: Sequence[TraceSpans]) -> None:
    for offset, record in enumerate(records):
        table, rows = rows_of(record, Origin(TRACE_SPANS, 0, offset))
        await store.insert(table, COLUMNS[table], rows)


async def test_errors_dear_slow_and_a_share_stay(store: ClickHouse) -> None:
    kept = [
        a_trace(1, failed=True),
        a_trace(2, cost_nano=1_000),
        a_trace(3, took_ms=10_000),
        a_trace(4, bits="7"),
    ]
    await write(store, [*kept, a_trace(5, cost_nano=999), a_trace(6, took_ms=9_999)])
    retention = TraceRetention(store)
    found = await retention.unkept(
        AT_MS - 1, AT_MS + 60_000, bound=POLICY.bound, dear_nano=POLICY.dear_nano, slow_ms=POLICY.slow_ms
    )
    assert found == [("acme", a_trace(5).trace_id), ("acme", a_trace(6).trace_id)]
    expected = [one for one in [*kept, a_trace(5), a_trace(6)] if one not in kept]
    for one in expected:
        assert not POLICY.keeps(one.trace_id, failed=False, cost_nano=999, took_ms=9_999)
    await retention.delete("acme", [trace for _, trace in found])
    await _until_there_are(store, 4)
    rows = await store.query("SELECT DISTINCT trace_id FROM spans_by_time ORDER BY trace_id")
    assert {str(row[0]) for row in rows} == {one.trace_id for one in kept}
    assert await retention.unkept(AT_MS + 60_001, AT_MS + 120_000, bound=0, dear_nano=0, slow_ms=0) == []


async def test_old_traces_of_one_organisation_are_deleted(store: ClickHouse) -> None:
    await write(store, [a_trace(1), a_trace(2)])
    retention = TraceRetention(store)
    assert await retention.oldest(10_000) == {"acme": False}
    await retention.expire("other", 1)
    old = structs.replace(a_trace(3).spans[0], start_ns=1, end_ns=2)
    await write(store, [structs.replace(a_trace(3), spans=[old])])
    assert await retention.oldest(365) == {"acme": True}
    await retention.expire("acme", 365)
    await _until_there_are(store, 2)


async def _until_there_are(store: ClickHouse, count: int) -> None:
    """Wait for deletions, which ClickHouse does by itself, in both tables."""
    for table in TABLES:
        for _ in range(600):
            there = (await store.query(f"SELECT uniqExact(trace_id) FROM {table}"))[0][0]
            if there == count:
                break
            await asyncio.sleep(0.05)
        assert there == count, table
