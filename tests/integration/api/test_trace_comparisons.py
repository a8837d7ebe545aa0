"""Comparisons and causes over HTTP: spans on a real ClickHouse, runs in a real PostgreSQL."""

from typing import Any

import pytest
from msgspec import structs

from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from schemas.ids import span_id, trace_id
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import RunSubmitted
from schemas.records.run_views import StepView
from schemas.records.spans import Span, TraceSpans
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import SUBMISSION, Running, settings_for
from tests.support.history import view_of, write_views
from topics.catalogue import RUN_EVENTS, TRACE_SPANS

DIFF, CAUSES = "/api/v1/traces/diff", "/api/v1/traces/causes"
NOV_22_MS = 1_795_305_600_000
MS = 1_000_000


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def spans_of(
    run: str,
    org: str,
    *,
    error: str = "",
    output: str = "right",
    cost: int = 1_000,
    took: int = 900,
    begun_ms: int = NOV_22_MS,
) -> TraceSpans:
    """Return the spans of a run of ``greet`` and ``merge``; with an error, ``merge`` fails by what ``greet`` gave."""

    def step(name: str, at: int, **more: Any) -> Span:
        ids = {"span_id": span_id(run, name), "parent_span_id": span_id(run), "step_id": name, "type": "step"}
        times = {"start_ns": (begun_ms + at) * MS, "end_ns": (begun_ms + at + took) * MS}
        return Span(**({"name": name, "status": "ok", "input_hash": f"asked-{name}"} | ids | times | more))

    greet = step("greet", 0, output_hash=output)
    attempt = structs.replace(greet, span_id=span_id(run, "greet", 1), parent_span_id=greet.span_id, type="attempt")
    call = structs.replace(
        attempt,
        span_id=span_id(run, "greet", 1, "call"),
        parent_span_id=attempt.span_id,
        type="llm_call",
        provider="openai",
        model="gpt",
        cost_nano=cost,
        input_tokens=10,
        output_tokens=20,
        attributes={"agentflow.call.cached": output == "poisoned"},
    )
    merge = step("merge", took, input_hash=f"given-{output}", output_hash="" if error else "merged")
    if error:
        merge = structs.replace(merge, status="error", error_code=error)
    root = Span(
        span_id=span_id(run),
        name="greeting",
        type="run",
        status="error" if error else "ok",
        error_code=error,
        start_ns=begun_ms * MS,
        end_ns=(begun_ms + 2 * took) * MS,
    )
    spans = [root, greet, attempt, call, merge]
    return TraceSpans(
        record_id=f"{run}:1", trace_id=trace_id(run), org_id=org, run_id=run, spans=spans, workflow_name="greeting"
    )


async def stored(api: Running, store: ClickHouse, count: int, first: int = 0, **said: Any) -> list[str]:
    """Submit runs, and write their ends into history and their spans into ClickHouse; return their ids."""
    records = []
    for _ in range(count):
        answer = await api.client.post("/api/v1/workflows/runs", json=SUBMISSION)
        assert answer.status_code == 202, answer.text
        records.append([r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)][-1])
    error = said.get("error", "")
    failed = ErrorInfo(code=error, message="it failed", step_id="merge") if error else None
    step = StepView(
        step_id="greet",
        node_id="greet",
        kind="llm",
        state="succeeded",
        attempt=1,
        output=inline(said.get("output", "right")),
    )
    views = [
        view_of(
            one,
            "failed" if error else "succeeded",
            [step],
            trace_id=trace_id(one.run_id),
            submitted_at_ms=NOV_22_MS + first + n,
            error=failed,
        )
        for n, one in enumerate(records)
    ]
    await write_views(api.postgres_dsn, *views)
    traces = [spans_of(one.run_id, api.org_id, begun_ms=NOV_22_MS + first, **said) for one in records]
    placed = [(InRecord(TRACE_SPANS, 0, first + n, 0, b"k", b"{}"), one) for n, one in enumerate(traces)]
    await AnalyticsSink(store).write(placed)  # type: ignore[arg-type]
    return [one.run_id for one in records]


async def posted(api: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await api.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_two_runs_part_where_equal_inputs_gave_another_output(api: Running, store: ClickHouse) -> None:
    await api.define_greeting()
    (a,), (b,) = (
        await stored(api, store, 1),
        await stored(api, store, 1, first=1, output="wrong", error="exception", cost=1_500),
    )
    found = await posted(api, DIFF, {"a": a, "b": trace_id(b), "outputs": True})
    runs = found["runs"]
    assert (runs["first"]["step"], runs["first"]["kind"], runs["first"]["effect"]) == ("greet", "model", "output")
    assert runs["consequences"] == ["merge"]
    assert not runs["equal"]
    assert (runs["a"]["id"], runs["b"]["id"], runs["b"]["status"]) == (a, b, "failed")
    steps = {one["step"]: one for one in runs["steps"]}
    assert (steps["greet"]["verdict"], steps["merge"]["verdict"], steps[""]["verdict"]) == (
        "cause",
        "consequence",
        None,
    )
    assert (steps["greet"]["output_a"]["value"], steps["greet"]["output_b"]["value"]) == ("right", "wrong")
    assert steps[""]["b"]["cost_usd"] == "0.0000015"
    cost = found["cost"]
    assert (cost["difference_usd"], cost["price"], cost["tokens"]) == ("0.0000005", "0.0000005", "0")
    same = await posted(api, DIFF, {"a": a, "b": a})
    assert same["runs"]["equal"]
    assert same["runs"]["first"] is None


async def test_groups_differ_by_more_than_luck(api: Running, store: ClickHouse) -> None:
    await api.define_greeting()
    await stored(api, store, 6)
    await stored(api, store, 6, first=1_000_000, took=4_000, cost=1_500)
    split = "2026-11-22T00:10:00Z"
    group = {"workflow": "greeting"}
    found = await posted(api, DIFF, {"a": {**group, "until": split}, "b": {**group, "since": split}})
    groups = found["groups"]
    assert (groups["runs_a"], groups["runs_b"]) == (6, 6)
    differs = {(one["node"], one["measure"]) for one in groups["differences"] if one["differs"]}
    slower = {("", "duration_ms"), ("greet", "duration_ms"), ("merge", "duration_ms")}
    assert differs == slower | {("", "cost_nano"), ("greet", "cost_nano")}
    cost = found["cost"]
    assert (cost["a_usd"], cost["b_usd"], cost["price"]) == ("0.000006", "0.000009", "0.000003")
    tagged = {**group, "status": "succeeded"}
    of_runs = await posted(api, DIFF, {"a": {**tagged, "until": split}, "b": {**tagged, "since": split}})
    assert of_runs["cost"] == cost


async def test_the_cause_of_a_failed_run_is_named_beside_healthy_ones(api: Running, store: ClickHouse) -> None:
    await api.define_greeting()
    healthy = await stored(api, store, 8)
    (failed,) = await stored(api, store, 1, first=100, output="poisoned", error="exception")
    answer = await api.client.get(f"/api/v1/traces/{failed}/cause")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["verdict"], found["cause"]["step"], found["cause"]["kind"]) == ("named", "greet", "cache")
    assert (found["symptom"], found["error"], found["way"]) == ("merge", "exception", ["greet", "merge"])
    assert found["compared_with"] == 8
    assert found["cost"]["usual_run"] in healthy
    well = (await api.client.get(f"/api/v1/traces/{healthy[0]}/cause")).json()
    assert (well["verdict"], well["cause"]) == ("healthy", None)
    shared = await posted(api, CAUSES, {"workflow": "greeting"})
    assert (shared["failed"], shared["healthy"], shared["unexplained"]) == (1, 8, 0)
    assert shared["causes"] == [{"node": "greet", "kind": "cache", "runs": [failed]}]
    assert (shared["symptoms"][0]["node"], shared["symptoms"][0]["what"]) == ("merge", "exception")


async def test_wrong_requests_and_other_organisations_runs_are_refused(api: Running, store: ClickHouse) -> None:
    await api.define_greeting()
    (run,) = await stored(api, store, 1)
    mixed = await api.client.post(DIFF, json={"a": run, "b": {"workflow": "greeting"}})
    assert mixed.status_code == 422
    nothing = await api.client.post(DIFF, json={"a": {"workflow": "none"}, "b": {"workflow": "greeting"}})
    assert nothing.status_code == 422
    assert "selects no run" in nothing.text
    assert (await api.client.post(DIFF, json={"a": run, "b": "0" * 32})).status_code == 404
    assert (await api.client.get("/api/v1/traces/unknown/cause")).status_code == 404
    made = await api.client.post("/api/v1/organisations", json={"id": f"other{api.org_id}"})
    async with api.as_key(made.json()["key"]["key"]) as other:
        assert (await other.post(DIFF, json={"a": run, "b": run})).status_code == 404
        assert (await other.get(f"/api/v1/traces/{run}/cause")).status_code == 404
        assert (await other.get(f"/api/v1/traces/{trace_id(run)}/cause")).status_code == 404
        nobody = await other.post(CAUSES, json={"workflow": "greeting"})
        assert (nobody.json()["failed"], nobody.json()["healthy"]) == (0, 0)


async def test_limited_keys_compare_their_workflows_only(api: Running, store: ClickHouse) -> None:
    await api.define_greeting()
    (run,) = await stored(api, store, 1)
    made = await api.client.post(
        "/api/v1/keys", json={"name": "k", "permissions": ["read"], "scopes": ["workflow:billing*"]}
    )
    async with api.as_key(made.json()["key"]) as limited:
        assert (await limited.post(DIFF, json={"a": run, "b": run})).status_code == 404
        assert (await limited.post(CAUSES, json={"workflow": "greeting"})).json()["healthy"] == 0
