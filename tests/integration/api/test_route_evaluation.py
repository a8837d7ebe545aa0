"""Another routing policy is judged over HTTP by outcomes in ClickHouse; requests of a routed call are listed."""

import random

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.route_spans import RouteSpans
from connectors.ports.engine import InRecord
from schemas.clock import now_ms
from schemas.records.base import Record
from schemas.records.routes import RouteOutcome, RouteScored
from schemas.records.spans import Span, TraceSpans
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, settings_for
from topics.catalogue import ROUTE_OUTCOMES, TRACE_SPANS

EVALUATE = "/api/v1/routes/evaluate"
DECISIONS = 600
SHARES = {"local/dear": 0.5, "local/cheap": 0.5}


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def outcome(org_id: str, number: int, route: str, score: float, *, fallback: bool = False) -> RouteOutcome:
    return RouteOutcome(
        org_id=org_id,
        prompt="sum",
        tier="silver",
        decision_id=f"r{number}:s:1",
        run_id=f"r{number}",
        step_id="s",
        call_id=f"r{number}:s:1@1#1",
        route=route,
        propensity=SHARES[route],
        shares=SHARES,
        terms={"local/dear": [0.1, 1.0, 0.9, 1.0], "local/cheap": [1.0, 1.0, 0.5, 1.0]},
        outcome="ok",
        score=score,
        latency_ms=100.0,
        policy="1",
        models="1",
        decided_at_ms=now_ms() - 1000,
        fallback=fallback,
    )


def scored(org_id: str, number: int, score: float) -> RouteScored:
    ids = {"decision_id": f"r{number}:s:1", "run_id": f"r{number}", "step_id": "s"}
    return RouteScored(org_id=org_id, prompt="sum", tier="silver", score=score, scored_at_ms=now_ms(), **ids)


async def write(store: ClickHouse, topic: str, records: list[Record]) -> None:
    await AnalyticsSink(store).write([(InRecord(topic, 0, n, 0, b"k", b"{}"), one) for n, one in enumerate(records)])


async def logged(store: ClickHouse, org_id: str) -> None:
    """Store decisions of which half are scored: the dear route with 0.8 on average, the cheap one with 0.4."""
    rng, records = random.Random(1), []
    for number in range(DECISIONS):
        route = rng.choice(list(SHARES))
        score = float(rng.random() < (0.8 if route == "local/dear" else 0.4))
        records.append(outcome(org_id, number, route, score if number % 2 else 0.5))
        if number % 2 == 0:
            records += [scored(org_id, number, 1 - score), scored(org_id, number, score)]
    fallbacks = [outcome(org_id, DECISIONS + n, "local/cheap", 0.0, fallback=True) for n in range(100)]
    await write(store, ROUTE_OUTCOMES, [*records, *fallbacks, *records])


async def test_another_policy_is_judged_by_first_outcomes_and_last_scores(api: Running, store: ClickHouse) -> None:
    await logged(store, api.org_id)
    await logged(store, "another")
    body = {"prompt": "sum", "tier": "silver", "policy": {"by": "best"}}
    answer = await api.client.post(EVALUATE, json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["choices"], found["scored"], found["skipped"]) == (DECISIONS, DECISIONS // 2, 0)
    for method in ("ips", "snips", "doubly_robust"):
        assert found[method]["low"] < 0.8 < found[method]["high"], method
    assert found["logged"]["low"] < 0.6 < found["logged"]["high"]
    assert 200 < found["effective_sample"] < 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": "unknown"}, "policy"),
        ({"policy": {"by": "best", "shares": {"a/b": 1}}}, "policy"),
        ({"policy": {"by": "learn"}}, "policy"),
        ({"policy": {"shares": {"a/b": 0}}}, "policy"),
        ({"policy": {"shares": {"nobody/tried": 1}}}, "policy"),
        ({"days": 0}, "days"),
    ],
)
async def test_what_cannot_be_judged_is_refused_with_a_problem(
    api: Running, store: ClickHouse, change: dict[str, object], field: str
) -> None:
    answer = await api.client.post(
        EVALUATE, json={"prompt": "sum", "tier": "silver", "policy": {"by": "best"}} | change
    )
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert problem["path"].startswith(field)
    assert problem["message"]


async def test_requests_of_a_routed_call_are_read_with_what_led_to_them(store: ClickHouse) -> None:
    first = {"agentflow.route": {"route": "a/b"}, "agentflow.call.id": "c"}
    second = {"agentflow.try": {"kind": "fallback"}, "agentflow.call.id": "c~1"}
    spans = [
        Span(
            span_id=name,
            parent_span_id="p",
            name="chat",
            start_ns=at,
            end_ns=at + 5_000_000,
            attributes=said,
            provider="a",
            model="b",
            error_code="timeout",
            cost_nano=7,
        )
        for name, at, said in (("s2", 2_000_000_000, second), ("s1", 1_000_000_000, first), ("s3", 3, {"other": 1}))
    ]
    record = TraceSpans(org_id="acme", trace_id="t", run_id="r", record_id="x", spans=spans)
    await write(store, TRACE_SPANS, [record])
    found = await RouteSpans(store).tries("acme", "t", ["p"])
    assert [(one.parent, one.status, one.latency_ms, one.route) for one in found] == [("p", "unset", 5.0, "a/b")] * 2
    assert "agentflow.route" in found[0].attributes
    assert "fallback" in found[1].attributes
    assert [(one.error, one.cost_nano) for one in found] == [("timeout", 7)] * 2
