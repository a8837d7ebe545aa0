"""Records to rows: golden values, and the same record at the same place always gives the same rows."""

import json
from typing import Any

import pytest
from msgspec import structs

from schemas.payload import Inline, Reference
from schemas.records.base import OTHER_KINDS, ErrorInfo, Record, Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.run_events import CancelRequested
from schemas.records.run_views import RunView, StepView
from schemas.records.spans import UNREPORTED, Span, TraceSpans
from streams.core.rows import COLUMNS, Origin, rows_of
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS, RUN_VIEWS, TRACE_SPANS
from topics.codec import decode, encode

AT = 1_795_305_600_123

COST = CostEvent(
    call_id="r:s:1#1",
    org_id="acme",
    run_id="r",
    step_id="s",
    workflow_name="wf",
    provider="local",
    model="local-gold",
    amount_nano=9_007_199_254_740_991,
    booked_at_ms=AT,
    usage=Usage(input_tokens=7, output_tokens=8),
    price_version="local-1",
    tags={"team": "blue"},
)
CALL = ProviderCall(
    call_id="r:s:1#1",
    request_id="r:s:1",
    org_id="acme",
    run_id="r",
    step_id="s",
    attempt=1,
    workflow_name="wf",
    provider="local",
    model="local-gold",
    outcome="rate_limited",
    error_code="rate_limited",
    usage=Usage(input_tokens=7),
    cost_nano=5,
    price_version="local-1",
    started_at_ms=AT,
    latency_ms=12.5,
    idempotency_key="r:s:1",
    capture="redacted",
    request=Inline(value={"prompt": "é"}),
    response=Reference(uri="file:///o/1", sha256="ab", size=3),
)
SPANS = TraceSpans(
    record_id="r:s:1",
    trace_id="a" * 32,
    org_id="acme",
    run_id="r",
    spans=[
        Span(span_id="b" * 16, name="step s", start_ns=AT * 10**6, end_ns=AT * 10**6 + 5),
        Span(
            span_id="c" * 16,
            parent_span_id="b" * 16,
            name="chat local-gold",
            kind="client",
            start_ns=AT * 10**6 + 1,
            end_ns=AT * 10**6 + 4,
            status="error",
            status_message="slow down",
            attributes={"gen_ai.system": "local", "a": [1, None]},
        ),
    ],
)
VIEW = RunView(
    run_id="r",
    org_id="acme",
    version=41,
    workflow_name="wf",
    workflow_version=3,
    status="running",
    source="api",
    body_hash="h",
    spec_hash="h",
    tags={"team": "blue"},
    submitted_at_ms=AT,
    trace_id="a" * 32,
    steps=[
        StepView(step_id="split", node_id="split", kind="function", state="ready", requested_at_ms=AT + 1),
        StepView(
            step_id="analyze[3]",
            node_id="analyze",
            kind="llm",
            state="failed",
            attempt=2,
            error=ErrorInfo(code="rate_limited", message="slow down"),
            usage=Usage(input_tokens=7, output_tokens=8),
            cost_nano=99,
            provider="local",
            model="local-gold",
            worker_id="w1",
            requested_at_ms=AT + 1,
            started_at_ms=AT + 2,
            finished_at_ms=AT + 3,
        ),
    ],
)

PLACE = ("_topic", "_partition", "_offset")
GOLDEN: list[tuple[str, Record, str, list[dict[str, Any]]]] = [
    (
        COST_EVENTS,
        COST,
        "cost_events",
        [
            {
                "org_id": "acme",
                "call_id": "r:s:1#1",
                "kind": "actual",
                "run_id": "r",
                "step_id": "s",
                "workflow_name": "wf",
                "provider": "local",
                "model": "local-gold",
                "amount_nano": 9_007_199_254_740_991,
                "booked_at": AT,
                "input_tokens": 7,
                "output_tokens": 8,
                "price_version": "local-1",
                "tags": {"team": "blue"},
            }
        ],
    ),
    (
        PROVIDER_CALLS,
        CALL,
        "provider_calls",
        [
            {
                "org_id": "acme",
                "call_id": "r:s:1#1",
                "request_id": "r:s:1",
                "run_id": "r",
                "step_id": "s",
                "attempt": 1,
                "workflow_name": "wf",
                "provider": "local",
                "model": "local-gold",
                "outcome": "rate_limited",
                "error_code": "rate_limited",
                "cached": False,
                "input_tokens": 7,
                "output_tokens": 0,
                "cost_nano": 5,
                "price_version": "local-1",
                "started_at": AT,
                "latency_ms": 12.5,
                "idempotency_key": "r:s:1",
                "capture": "redacted",
                "request": '{"kind":"inline","value":{"prompt":"é"}}',
                "response": '{"kind":"reference","uri":"file:///o/1","sha256":"ab","size":3}',
            }
        ],
    ),
    (
        TRACE_SPANS,
        SPANS,
        "trace_spans",
        [
            {
                "org_id": "acme",
                "trace_id": "a" * 32,
                "span_id": "b" * 16,
                "parent_span_id": "",
                "run_id": "r",
                "name": "step s",
                "kind": "internal",
                "started_at": 1_795_305_600_123_000_000,
                "ended_at": 1_795_305_600_123_000_005,
                "status": "unset",
                "status_message": "",
                "attributes": "{}",
                "record_id": "r:s:1",
            },
            {
                "org_id": "acme",
                "trace_id": "a" * 32,
                "span_id": "c" * 16,
                "parent_span_id": "b" * 16,
                "run_id": "r",
                "name": "chat local-gold",
                "kind": "client",
                "started_at": 1_795_305_600_123_000_001,
                "ended_at": 1_795_305_600_123_000_004,
                "status": "error",
                "status_message": "slow down",
                "attributes": '{"a":[1,null],"gen_ai.system":"local"}',
                "record_id": "r:s:1",
            },
        ],
    ),
    (
        RUN_VIEWS,
        VIEW,
        "step_events",
        [
            {
                "org_id": "acme",
                "run_id": "r",
                "step_id": "split",
                "version": 41,
                "node_id": "split",
                "kind": "function",
                "state": "ready",
                "attempt": 0,
                "workflow_name": "wf",
                "workflow_version": 3,
                "run_status": "running",
                "submitted_at": AT,
                "requested_at": AT + 1,
                "started_at": None,
                "finished_at": None,
                "provider": "",
                "model": "",
                "worker_id": "",
                "cached": False,
                "input_tokens": 0,
                "output_tokens": 0,
                "cost_nano": 0,
                "error_code": "",
                "error_message": "",
                "waiting_for": "",
                "tags": {"team": "blue"},
            },
            {
                "org_id": "acme",
                "run_id": "r",
                "step_id": "analyze[3]",
                "version": 41,
                "node_id": "analyze",
                "kind": "llm",
                "state": "failed",
                "attempt": 2,
                "workflow_name": "wf",
                "workflow_version": 3,
                "run_status": "running",
                "submitted_at": AT,
                "requested_at": AT + 1,
                "started_at": AT + 2,
                "finished_at": AT + 3,
                "provider": "local",
                "model": "local-gold",
                "worker_id": "w1",
                "cached": False,
                "input_tokens": 7,
                "output_tokens": 8,
                "cost_nano": 99,
                "error_code": "rate_limited",
                "error_message": "slow down",
                "waiting_for": "",
                "tags": {"team": "blue"},
            },
        ],
    ),
]


#: Columns of fields that the golden records leave out.
CALL_UNUSED: dict[str, Any] = {
    **dict.fromkeys(("notes", "cache_kind", "priced_as", "labels"), ""),
    "ttft_ms": None,
    "saved_nano": 0,
}
COST_UNUSED: dict[str, Any] = dict.fromkeys(("node_id", "prompt_name", "priced_as", "cost_source"), "")
COST_UNUSED["stated_difference_nano"] = 0
SPAN_UNUSED: dict[str, Any] = {
    **dict.fromkeys(("type", "step_id", "workflow_name", "provider", "model", "error_code"), ""),
    **dict.fromkeys(("input_hash", "output_hash", "session_id", "user_id", "links", "phases"), ""),
    **dict.fromkeys(("attempt", "cost_nano", "input_tokens", "output_tokens"), 0),
    "tags": {},
}
UNUSED = {"provider_calls": CALL_UNUSED, "cost_events": COST_UNUSED, "trace_spans": SPAN_UNUSED}


@pytest.mark.parametrize(("topic", "record", "table", "expected"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden_rows(topic: str, record: Record, table: str, expected: list[dict[str, Any]]) -> None:
    found = rows_of(record, Origin(topic, 2, 1_234))
    place = dict(zip(PLACE, (topic, 2, 1_234), strict=True))
    assert found.table == table
    named = [dict(zip(COLUMNS[table], row, strict=True)) for row in found.rows]
    unused: dict[str, Any] = {column: 0 for column in OTHER_KINDS if column in COLUMNS[table]}
    unused |= UNUSED.get(table, {})
    assert named == [unused | row | place for row in expected]


@pytest.mark.parametrize(("topic", "record"), [g[:2] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_a_record_that_was_sent_gives_the_same_rows(topic: str, record: Record) -> None:
    shuffled = dict(reversed(json.loads(encode(record)).items()))
    again = decode(topic, json.dumps(shuffled).encode())
    origin = Origin(topic, 0, 5)
    assert rows_of(again, origin) == rows_of(record, origin)


def test_all_kinds_of_usage_and_the_notes_of_a_call_are_columns() -> None:
    usage = Usage(input_tokens=9, **{kind: n for n, kind in enumerate(OTHER_KINDS, start=1)})
    call = structs.replace(CALL, usage=usage, notes=["a:b", "c:d"])
    for record in (structs.replace(COST, usage=usage), call):
        found = rows_of(record, Origin("t", 0, 0))
        named = dict(zip(COLUMNS[found.table], found.rows[0], strict=True))
        assert {kind: named[kind] for kind in OTHER_KINDS} == usage.kinds
    assert named["notes"] == "a:b, c:d"


def test_absurd_counts_stay_inside_the_columns_type() -> None:
    usage = Usage(input_tokens=2**64 - 1, output_tokens=-(2**70))
    [row] = rows_of(structs.replace(COST, usage=usage), Origin("t", 0, 0)).rows
    named = dict(zip(COLUMNS["cost_events"], row, strict=True))
    assert (named["input_tokens"], named["output_tokens"]) == (2**63 - 1, -(2**63 - 1))


def test_a_record_without_rows_is_a_mistake_in_the_wiring() -> None:
    with pytest.raises(TypeError, match="CancelRequested"):
        rows_of(CancelRequested(run_id="r", org_id="acme"), Origin("run-events", 0, 0))


def test_a_span_that_stands_in_never_replaces_a_workers_own() -> None:
    span = Span(span_id="c" * 16, name="attempt", start_ns=1, end_ns=2, attributes={UNREPORTED: True})
    record = structs.replace(SPANS, spans=[span, structs.replace(span, attributes={})])
    at = COLUMNS["trace_spans"].index("_offset")
    assert [row[at] for row in rows_of(record, Origin(TRACE_SPANS, 1, 7)).rows] == [0, 7]
