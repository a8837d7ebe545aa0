"""Queries over traces on a real ClickHouse: each filter, sort and group; pages; who sees what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.clickhouse.client import ClickHouse
from schemas.budgets import PROJECT_TAG
from schemas.clock import now_ms
from schemas.ids import span_id, trace_id
from schemas.records.spans import Span, TraceSpans
from schemas.settings import Settings
from tests.integration.api.test_traces import write
from tests.support.api import Running, settings_for

QUERY = "/api/v1/traces/query"
MINUTE = 60_000_000_000


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def a_run(
    name: str,
    org: str,
    minutes_ago: float,
    *,
    provider: str = "openai",
    model: str = "gpt",
    cost: int = 1_000_000,
    seconds: int = 2,
    status: str = "succeeded",
    tokens: int = 100,
    root: bool = True,
    prompt: str = "greeter@1",
    **record: Any,
) -> TraceSpans:
    """Return a run with one step, its attempt and its call."""
    start, step = now_ms() * 1_000_000 - int(minutes_ago * MINUTE), "greet"
    failed = status == "failed"
    common: dict[str, Any] = {"start_ns": start, "end_ns": start + seconds * 1_000_000_000}
    below: dict[str, Any] = {"step_id": step, "status": "error" if failed else "ok"}
    below["error_code"] = "provider_unavailable" if failed else ""
    attempt = span_id(name, step, 1)
    spans = [
        Span(
            span_id=attempt,
            parent_span_id=span_id(name),
            name="attempt greet",
            type="attempt",
            attempt=1,
            attributes={"agentflow.prompt.ref": prompt},
            status_message="The Quota is used up" if failed else "",
            **common,
            **below,
        ),
        Span(
            span_id=span_id(name, step, 1, "call"),
            parent_span_id=attempt,
            name=f"chat {model}",
            type="llm_call",
            attempt=1,
            provider=provider,
            model=model,
            cost_nano=cost,
            input_tokens=tokens,
            **common,
            **below,
        ),
    ]
    if root:
        ended = {"agentflow.run.status": status}
        kind = "ok" if status == "succeeded" else "error" if failed else "unset"
        spans.append(
            Span(span_id=span_id(name), name="workflow", type="run", attributes=ended, status=kind, **common)  # type: ignore[arg-type]
        )
    fields = {"workflow_name": "greeting"} | record
    return TraceSpans(record_id=name, trace_id=trace_id(name), org_id=org, run_id=name, spans=spans, **fields)


async def filled(api: Running, store: ClickHouse) -> None:
    org = api.org_id
    runs = [
        a_run("a", org, 10, cost=5_000_000, tags={"team": "docs"}, session_id="s1", user_id="ada"),
        a_run("b", org, 20, provider="local", model="local-gold", cost=0, seconds=9, session_id="s1", user_id="ada"),
        a_run("c", org, 30, status="failed", workflow_name="billing", user_id="bob", prompt="billing@2"),
        a_run("d", org, 40, status="canceled", tokens=9_000, tags={"team": "ops", PROJECT_TAG: "search"}),
        a_run("e", org, 50, root=False, prompt="greeter@2"),
        a_run("old", org, 600),
        a_run("other", "another", 5),
    ]
    await write(store, *runs, *runs)


async def ask(api: Running, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(QUERY, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_traces_are_found_by_what_they_were(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("abcde", {}),
        ("abcde", {"start": "1h", "end": "now"}),
        ("cde", {"end": "25m"}),
        ("a", {"start": "15m"}),
        ("acde", {"provider": "openai"}),
        ("b", {"model": "local-gold"}),
        ("", {"provider": "openai", "model": "local-gold"}),
        ("c", {"workflow": "billing"}),
        ("ab", {"status": "succeeded"}),
        ("c", {"status": "failed"}),
        ("d", {"status": "canceled"}),
        ("e", {"status": "running"}),
        ("c", {"error_code": "provider_unavailable"}),
        ("c", {"text": "quota IS"}),
        ("abcde", {"text": "attempt greet"}),
        ("a", {"tags": {"team": "docs"}}),
        ("ab", {"session_id": "s1"}),
        ("c", {"user_id": "bob"}),
        ("d", {"project": "search"}),
        ("abcde", {"type": "llm_call"}),
        ("a", {"min_cost_usd": "0.002"}),
        ("bcde", {"max_cost_usd": 0.001}),
        ("b", {"min_duration": 5}),
        ("acde", {"max_duration": 2.0}),
        ("d", {"min_tokens": 1_000, "max_tokens": 10_000}),
        ("abd", {"prompt": "greeter@1"}),
        ("abde", {"prompt": "greeter"}),
    ]
    for names, body in cases:
        found = await ask(api, **body)
        assert [one["run_id"] for one in found["traces"]] == list(names), body
        assert found["level"] == "trace"


async def test_a_trace_is_shown_with_all_that_it_was(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    (found,) = (await ask(api, user_id="bob"))["traces"]
    assert found["id"] == trace_id("c")
    assert (found["status"], found["error_code"], found["errors"]) == ("failed", "provider_unavailable", 3)
    assert (found["cost_usd"], found["tokens"], found["spans"], found["calls"]) == ("0.001", 100, 3, 1)
    assert (found["providers"], found["models"], found["duration"]) == (["openai"], ["gpt"], 2.0)


async def test_sorted_pages_have_everything_once(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    for sort, order, names in (
        ("start", "desc", "abcde"),
        ("start", "asc", "edcba"),
        ("cost", "desc", None),
        ("duration", "asc", None),
        ("tokens", "desc", None),
    ):
        for level, field, count in (("trace", "traces", 5), ("span", "events", 14)):
            seen: list[str] = []
            body: dict[str, Any] = {"sort": sort, "order": order, "limit": 2, "level": level}
            while True:
                found = await ask(api, **body)
                seen += [one["run_id"] if level == "trace" else one["id"] for one in found[field]]
                if found["next_cursor"] is None:
                    break
                body["cursor"] = found["next_cursor"]
            assert len(seen) == len(set(seen)) == count, (sort, order, level)
            if names and level == "trace":
                assert seen == list(names)
    dear = (await ask(api, sort="cost"))["traces"]
    assert dear[0]["run_id"] == "a"
    assert [one["cost_usd"] for one in dear] == ["0.005", "0.001", "0.001", "0.001", "0"]


async def test_spans_are_found_one_by_one_and_a_runs_own_are_its_events(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    calls = await ask(api, level="span", provider="openai", status="ok")
    assert {one["type"] for one in calls["events"]} == {"llm_call"}
    assert [one["run_id"] for one in calls["events"]] == ["a", "d", "e"]
    assert calls["events"][0] | {"duration": 2.0, "cost_usd": "0.005", "tokens": 100} == calls["events"][0]
    of_run = await ask(api, run_id="old")
    assert {one["type"] for one in of_run["events"]} == {"run", "attempt", "llm_call"}
    assert of_run["level"] == "span"


async def test_groups_add_up_traces_attempts_and_spans(api: Running, store: ClickHouse) -> None:
    await filled(api, store)

    async def counted(*keys: str, **body: Any) -> tuple[str, dict[tuple[str, ...], tuple[int, str]]]:
        found = await ask(api, group_by=list(keys), **body)
        groups = {tuple(one["values"][k] for k in keys): (one["count"], one["cost_usd"]) for one in found["groups"]}
        return found["level"], groups

    assert await counted("workflow") == ("trace", {("greeting",): (4, "0.007"), ("billing",): (1, "0.001")})
    level, by_status = await counted("status")
    assert (level, {state: count for (state,), (count, _) in by_status.items()}) == (
        "trace",
        {"succeeded": 2, "failed": 1, "canceled": 1, "running": 1},
    )
    assert await counted("provider") == ("span", {("openai",): (4, "0.008"), ("local",): (1, "0")})
    assert (await counted("model", "workflow"))[1][("gpt", "billing")] == (1, "0.001")
    assert await counted("prompt") == (
        "attempt",
        {("greeter@1",): (3, "0.006"), ("greeter@2",): (1, "0.001"), ("billing@2",): (1, "0.001")},
    )
    assert await counted("error_code") == ("span", {("provider_unavailable",): (2, "0.001")})
    assert (await counted("tag.team"))[1] == {("docs",): (1, "0.005"), ("ops",): (1, "0.001"), ("",): (3, "0.002")}
    assert sum(count for count, _ in (await counted("hour"))[1].values()) == 5
    longest = (await ask(api, group_by=["provider"], sort="duration"))["groups"][0]
    assert longest | {"values": {"provider": "local"}, "p50": 9.0, "p95": 9.0, "errors": 0} == longest


async def test_sessions_have_their_runs_in_order_and_users_their_cost(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    (session,) = (await api.client.get("/api/v1/sessions")).json()["sessions"]
    assert (session["id"], session["traces"], session["cost_usd"], session["tokens"]) == ("s1", 2, "0.005", 200)
    whole = (await api.client.get("/api/v1/sessions/s1")).json()
    assert [one["run_id"] for one in whole["runs"]] == ["b", "a"]
    assert (whole["traces"], whole["cost_usd"]) == (2, "0.005")
    first = (await api.client.get("/api/v1/sessions/s1?limit=1")).json()
    second = (await api.client.get("/api/v1/sessions/s1", params={"cursor": first["next_cursor"]})).json()
    assert [one["run_id"] for one in first["runs"] + second["runs"]] == ["b", "a"]
    page = (await api.client.get("/api/v1/users?limit=1")).json()
    rest = (await api.client.get("/api/v1/users", params={"cursor": page["next_cursor"]})).json()
    assert [(one["id"], one["traces"], one["cost_usd"]) for one in page["users"] + rest["users"]] == [
        ("ada", 2, "0.005"),
        ("bob", 1, "0.001"),
    ]
    assert (await api.client.get("/api/v1/sessions/none")).status_code == 404


async def test_limited_keys_find_their_workflows_and_projects_only(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    (await api.client.post("/api/v1/projects", json={"id": "search", "name": "Search"})).raise_for_status()
    for limits, names in (({"scopes": ["workflow:bill*"]}, "c"), ({"project": "search"}, "d")):
        made = await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["read"]} | limits)
        async with api.as_key(made.json()["key"]) as client:
            found = await client.post(QUERY, json={})
            assert [one["run_id"] for one in found.json()["traces"]] == list(names)
            assert found.json()["traces"][0]["spans"] == 3
            grouped = await client.post(QUERY, json={"group_by": ["provider"]})
            assert [one["count"] for one in grouped.json()["groups"]] == [1]
            assert (await client.get("/api/v1/sessions/s1")).status_code == 404
            unseen = (await client.post(QUERY, json={"run_id": "old"})).json()
            assert unseen["events"] == []
            began = datetime.fromisoformat(unseen["start"])
            assert began > datetime.now(UTC) - timedelta(hours=2), "nor does it say when the run began"
            users = (await client.get("/api/v1/users")).json()["users"]
            assert [one["id"] for one in users] == (["bob"] if names == "c" else [])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"start": "now", "end": "1h"}, "body.start"),
        ({"start": "soon"}, "body.start"),
        ({"status": "ok"}, "body.status"),
        ({"status": "failed", "level": "span"}, "body.status"),
        ({"group_by": ["modle"]}, "body.group_by[0]"),
        ({"group_by": ["model", "model"]}, "body.group_by[1]"),
        ({"type": "call"}, "body.type"),
        ({"sort": "count"}, "body.sort"),
        ({"min_tokens": 5, "max_tokens": 4}, "body.min_tokens"),
        ({"cursor": "nonsense"}, "body.cursor"),
        ({"provder": "openai"}, "body.provder"),
        ({"min_cost_usd": "-1"}, "body.min_cost_usd"),
        ({"limit": 0}, "body.limit"),
        ({"end": "9999-01-01T00:00:00Z"}, "body.start"),
    ],
)
async def test_a_wrong_query_is_refused_with_a_fix(api: Running, body: dict[str, Any], path: str) -> None:
    answer = await api.client.post(QUERY, json=body)
    assert answer.status_code == 422, answer.text
    problem = answer.json()["problems"][0]
    assert problem["path"].removeprefix("body.") == path.removeprefix("body.")
    assert problem["fix"]


async def test_a_cursor_of_another_order_is_refused(api: Running, store: ClickHouse) -> None:
    await filled(api, store)
    cursor = (await ask(api, limit=1))["next_cursor"]
    answer = await api.client.post(QUERY, json={"limit": 1, "sort": "cost", "cursor": cursor})
    assert answer.status_code == 422
