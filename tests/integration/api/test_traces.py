"""Traces over HTTP: stored spans on a real ClickHouse, drawn ones of history on a real PostgreSQL."""

from typing import Any

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from schemas.budgets import PROJECT_TAG
from schemas.ids import span_id, trace_id
from schemas.records.run_events import RunSubmitted
from schemas.records.run_views import StepView
from schemas.records.spans import Phase, Span, SpanLink, TraceSpans
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import SUBMISSION, Running, settings_for
from tests.support.history import view_of, write_views
from topics.catalogue import RUN_EVENTS, TRACE_SPANS

TRACES = "/api/v1/traces"
NOV_22 = 1_795_305_600_000_000_000  # 2026-11-22T00:00:00Z
SECOND = 1_000_000_000


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


async def write(store: ClickHouse, *records: TraceSpans) -> None:
    placed = [(InRecord(TRACE_SPANS, 0, n, 0, b"k", b"{}"), one) for n, one in enumerate(records)]
    await AnalyticsSink(store).write(placed)  # type: ignore[arg-type]


def spans_of(run: str, org: str, *, steps: int = 1, **record: Any) -> TraceSpans:
    """Return a run's spans: steps of two seconds, each with an attempt that waited a second and made a call."""
    spans = [Span(span_id=span_id(run), name="greeting", start_ns=NOV_22, end_ns=NOV_22 + 60 * SECOND, type="run")]
    for n in range(steps):
        step, start = f"greet[{n}]" if steps > 1 else "greet", NOV_22 + n * SECOND
        ids = span_id(run, step), span_id(run, step, 1), span_id(run, step, 1, "call")
        common: dict[str, Any] = {"step_id": step, "start_ns": start, "end_ns": start + 2 * SECOND}
        wait = Phase(type="queue", start_ns=start, end_ns=start + SECOND)
        spans += [
            Span(span_id=ids[0], parent_span_id=span_id(run), name=step, type="step", **common),
            Span(span_id=ids[1], parent_span_id=ids[0], name="attempt", type="attempt", phases=[wait], **common),
            Span(
                span_id=ids[2],
                parent_span_id=ids[1],
                name="chat gpt",
                type="llm_call",
                provider="openai",
                model="gpt",
                cost_nano=1_500_000,
                input_tokens=30,
                output_tokens=12,
                attributes={"agentflow.call.id": "c1"},
                links=[SpanLink(trace_id="0" * 32, span_id="0" * 16, relation="batch")],
                input_hash="ab",
                status="ok",
                **common,
            ),
        ]
    fields = {"workflow_name": "greeting", "record_id": f"{run}:1", "trace_id": trace_id(run)} | record
    return TraceSpans(org_id=org, run_id=run, spans=spans, **fields)


async def submitted(api: Running, **changes: Any) -> RunSubmitted:
    await api.define_greeting()
    answer = await api.client.post("/api/v1/workflows/runs", json=SUBMISSION | changes)
    assert answer.status_code == 202, answer.text
    return [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)][-1]


async def read(api: Running, key: str, **params: Any) -> dict[str, Any]:
    answer = await api.client.get(f"{TRACES}/{key}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_trace_is_read_by_its_id_and_has_costs_at_every_level(api: Running, store: ClickHouse) -> None:
    record = spans_of("r1", api.org_id, session_id="chat-7", user_id="ada", tags={"team": "docs"})
    await write(store, record, record)
    found = await read(api, trace_id("r1"))
    assert [(one["depth"], one["type"], one["name"]) for one in found["events"]] == [
        (0, "run", "greeting"),
        (1, "step", "greet"),
        (2, "attempt", "attempt"),
        (3, "queue", "queue"),
        (3, "llm_call", "chat gpt"),
    ]
    run, step, _, queue, call = found["events"]
    assert run["total"]["cost_usd"] == step["total"]["cost_usd"] == call["cost_usd"] == found["cost_usd"] == "0.0015"
    assert (run["cost_usd"], run["tokens"], run["total"]["tokens"], found["tokens"]) == ("0", 0, 42, 42)
    assert (call["provider"], call["tokens"], call["duration"]) == ("openai", 42, 2.0)
    assert call["timestamp"] == "2026-11-22T00:00:00.000000Z"
    assert call["attributes"] == {"agentflow.call.id": "c1"}
    assert call["links"][0]["relation"] == "batch"
    assert (queue["duration"], queue["parent_id"]) == (1.0, span_id("r1", "greet", 1))
    assert (found["run_id"], found["status"], found["session_id"], found["user_id"]) == (
        "r1",
        "succeeded",
        "chat-7",
        "ada",
    )
    assert (found["spans"], found["calls"], found["orphans"], found["drawn"]) == (5, 1, 0, False)


async def test_pages_have_every_span_once(api: Running, store: ClickHouse) -> None:
    await write(store, spans_of("r2", api.org_id, steps=50))
    ids: list[str] = []
    cursor = None
    while True:
        found = await read(api, trace_id("r2"), limit=33, **({"cursor": cursor} if cursor else {}))
        ids += [one["id"] for one in found["events"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert len(ids) == len(set(ids)) == found["spans"] == 201
    assert found["cost_usd"] == "0.075"


async def test_a_timeline_has_what_the_end_waited_for_and_folds_maps(api: Running, store: ClickHouse) -> None:
    await write(store, spans_of("r3", api.org_id, steps=40))
    answer = await api.client.get(f"{TRACES}/{trace_id('r3')}/timeline", params={"fold": 10})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert rows[0] | {"start": 0.0, "duration": 60.0, "critical": True, "folded": 0} == rows[0]
    (folded,) = [row for row in rows if row["folded"]]
    assert folded["cost_usd"] == f"{folded['folded'] * 0.0015:.4f}".rstrip("0")
    assert sum(row["folded"] or row["type"] == "step" for row in rows) == 40


async def test_a_run_is_drawn_until_its_spans_are_there(api: Running, store: ClickHouse) -> None:
    record = await submitted(api)
    run = record.run_id
    found = await read(api, run)
    assert [(one["type"], one["status"], one["drawn"]) for one in found["events"]] == [("run", "queued", True)]

    steps = [StepView(step_id="greet", node_id="greet", kind="llm", state="running", attempt=1, started_at_ms=5)]
    view = view_of(record, "running", steps, trace_id=trace_id(run), submitted_at_ms=1)
    await write_views(api.postgres_dsn, view)
    found = await read(api, run)
    assert [(one["name"], one["status"], one["drawn"]) for one in found["events"]] == [
        ("workflow greeting", "running", True),
        ("greet", "running", True),
        ("merge", "pending", True),
    ]
    merge = found["events"][2]
    assert (merge["timestamp"], merge["duration"], merge["waiting"]) == (None, None, "not ended: greet")
    assert found["status"] == "running"

    await write(store, spans_of(run, api.org_id))
    by_run, by_trace = await read(api, run), await read(api, trace_id(run))
    assert by_run["events"] == by_trace["events"]
    assert not any(one["drawn"] for one in by_run["events"])


async def test_orphans_are_shown_and_say_so(api: Running, store: ClickHouse) -> None:
    lost = Span(span_id="a" * 16, parent_span_id="b" * 16, name="lost", start_ns=NOV_22, end_ns=NOV_22)
    record = TraceSpans(record_id="x", trace_id="c" * 32, org_id=api.org_id, run_id="", spans=[lost])
    await write(store, record)
    found = await read(api, "c" * 32)
    assert (found["orphans"], found["events"][0]["orphan"], found["run_id"]) == (1, True, None)


@pytest.mark.parametrize("path", ["", "/timeline"])
async def test_an_unknown_trace_and_that_of_another_organisation_are_unknown(
    api: Running, store: ClickHouse, path: str
) -> None:
    await write(store, spans_of("r4", "another"))
    for key in (trace_id("r4"), "f" * 32, "no-such-run"):
        answer = await api.client.get(f"{TRACES}/{key}{path}")
        assert answer.status_code == 404, answer.text
    assert "agentctl trace query" in (await api.client.get(f"{TRACES}/{'f' * 32}{path}")).json()["detail"]


async def test_limited_keys_see_their_workflows_and_projects_only(api: Running, store: ClickHouse) -> None:
    await write(
        store,
        spans_of("mine", api.org_id, tags={PROJECT_TAG: "search"}),
        spans_of("other", api.org_id, workflow_name="billing_run", tags={PROJECT_TAG: "bills"}),
    )
    (await api.client.post("/api/v1/projects", json={"id": "search", "name": "Search"})).raise_for_status()
    keys = []
    for body in ({"scopes": ["workflow:greet*"]}, {"project": "search"}):
        made = await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["read"]} | body)
        assert made.status_code == 201, made.text
        keys.append(made.json()["key"])
    for key in keys:
        async with api.as_key(key) as client:
            assert (await client.get(f"{TRACES}/{trace_id('mine')}")).status_code == 200
            assert (await client.get(f"{TRACES}/{trace_id('other')}")).status_code == 404


async def test_a_wrong_request_is_refused_with_a_fix(api: Running, store: ClickHouse) -> None:
    await write(store, spans_of("r5", api.org_id))
    for params in ({"cursor": "nonsense"}, {"limit": 0}, {"limit": 1001}, {"cursr": "x"}):
        answer = await api.client.get(f"{TRACES}/{trace_id('r5')}", params=params)
        assert answer.status_code == 422, answer.text
        assert answer.json()["problems"][0]["fix"]
