"""Every query that the dashboards make of ClickHouse, on the real engine: rows, no errors, the sums of the ledger."""

import time

import pytest

from bench.observability.grafana_queries import Asked, sql_of
from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from deploy.grafana.model import Sql, SqlVariable
from deploy.grafana.pages import DASHBOARDS
from schemas.records.base import ErrorInfo, Record, Usage
from schemas.records.money import CostEvent
from schemas.records.run_views import RunView, StepView
from schemas.records.spans import Span, TraceSpans
from streams.roles.sinks.analytics import AnalyticsSink
from topics.catalogue import COST_EVENTS, RUN_VIEWS, TRACE_SPANS

NOW_MS = time.time_ns() // 1_000_000
ORG = "o'brien, \\ and sons"
TRACE = "ab" * 16
ASKED = Asked(NOW_MS // 1000 - 3_600, NOW_MS // 1000 + 60, [ORG, "other"], TRACE)
QUERIES = [
    pytest.param(dashboard.title, panel.title, query, id=f"{dashboard.title}: {panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for query in panel.queries
    if isinstance(query, Sql)
]


def cost(call: str, amount: int, *, kind: str = "actual", org: str = ORG, model: str = "small") -> CostEvent:
    return CostEvent(
        call_id=call,
        kind="presumed" if kind == "presumed" else "actual",
        org_id=org,
        run_id="r",
        step_id="s",
        workflow_name="w",
        provider="local",
        model=model,
        amount_nano=amount,
        booked_at_ms=NOW_MS - 1_000,
        usage=Usage(input_tokens=10, output_tokens=2),
        price_version="1",
    )


#: A presumed settlement that was corrected, a repeat, two models, and another organisation's call.
COSTS = [
    cost("a", 900, kind="presumed"),
    cost("a", 100),
    cost("a", 100),
    cost("b", 23, model="large"),
    cost("c", 7, kind="presumed"),
    cost("d", 5, org="not chosen"),
]
LEDGER_NANO = 100 + 23 + 7


def steps() -> RunView:
    done, failed = (
        StepView(
            step_id=state,
            node_id=state,
            kind="llm",
            state="succeeded" if state == "done" else "failed",
            attempt=1,
            error=ErrorInfo(code="timeout", message="it took too long") if state == "failed" else None,
            started_at_ms=NOW_MS - 900,
            finished_at_ms=NOW_MS - 100,
        )
        for state in ("done", "failed")
    )
    return RunView(
        run_id="r",
        org_id=ORG,
        version=1,
        workflow_name="w",
        workflow_version=1,
        status="failed",
        source="test",
        body_hash="",
        spec_hash="",
        submitted_at_ms=NOW_MS - 1_000,
        trace_id=TRACE,
        steps=[done, failed],
    )


def spans() -> TraceSpans:
    start, end = (NOW_MS - 1_000) * 1_000_000, NOW_MS * 1_000_000
    run = Span(span_id="01", name="workflow w", start_ns=start, end_ns=end, status="error", status_message="timeout")
    step = Span(span_id="02", parent_span_id="01", name="step", start_ns=start, end_ns=end)
    return TraceSpans(record_id="x", trace_id=TRACE, org_id=ORG, run_id="r", spans=[run, step])


@pytest.fixture
async def filled(store: ClickHouse) -> ClickHouse:
    found: list[tuple[str, Record]] = [
        *((COST_EVENTS, one) for one in COSTS),
        (RUN_VIEWS, steps()),
        (TRACE_SPANS, spans()),
    ]
    placed = [(InRecord(topic, 0, n, NOW_MS, b"k", b"{}"), record) for n, (topic, record) in enumerate(found)]
    await AnalyticsSink(store).write(placed)
    return store


@pytest.mark.parametrize(("dashboard", "panel", "query"), QUERIES)
async def test_a_query_has_rows_and_its_money_is_the_ledgers(
    dashboard: str, panel: str, query: Sql, filled: ClickHouse
) -> None:
    columns = [column[0] for column in await filled.query(f"DESCRIBE ({sql_of(query.text, ASKED)})")]
    rows = await filled.query(sql_of(query.text, ASKED))
    assert rows, f"{dashboard}: {panel} is empty"
    if query.shape == "timeseries":
        assert columns[0] == "time"
    if "usd" in columns:
        at = columns.index("usd")
        assert round(sum(row[at] for row in rows) * 1e9) == LEDGER_NANO
    if "org" in columns:
        assert {row[columns.index("org")] for row in rows} == {ORG}


async def test_the_lists_of_organisations_are_there(filled: ClickHouse) -> None:
    lists = [one.text for dashboard in DASHBOARDS for one in dashboard.variables if isinstance(one, SqlVariable)]
    assert len(lists) >= 3
    for text in lists:
        assert (ORG,) in await filled.query(text)


async def test_an_organisation_that_is_not_chosen_is_not_seen(filled: ClickHouse) -> None:
    asked = Asked(ASKED.from_s, ASKED.to_s, ["not chosen"], TRACE)
    for param in QUERIES:
        query = param.values[2]
        assert isinstance(query, Sql)
        rows = await filled.query(sql_of(query.text, asked))
        assert not any(ORG in map(str, row) for row in rows)
