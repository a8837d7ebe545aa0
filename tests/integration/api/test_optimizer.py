"""Suggestions from calls in ClickHouse, applied and undone as versions of a workflow."""

from typing import Any

import pytest

from connectors.clickhouse.call_facts import CallFacts
from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from schemas.clock import now_ms
from schemas.payload import inline
from schemas.records.base import Record, Usage
from schemas.records.money import ProviderCall
from schemas.records.run_views import RunView, StepView
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, settings_for
from topics.catalogue import PROVIDER_CALLS, RUN_VIEWS

SUGGESTIONS, CHANGES, WORKFLOWS = "/api/v1/optimizer/suggestions", "/api/v1/optimizer/changes", "/api/v1/workflows"
CALLS = 150


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


@pytest.fixture
async def api(api: Running, store: ClickHouse) -> Running:
    """An API with calls of the workflow ``greeting`` that ask the same again and again."""
    await api.define_greeting()
    await stored(store, api.org_id)
    await stored(store, "another")
    return api


async def stored(store: ClickHouse, org_id: str, version: int = 1) -> None:
    """Store what analytics does of ``CALLS`` runs, one a minute until now."""
    start = now_ms() - CALLS * 60_000
    records: list[tuple[str, Record]] = []
    for number in range(CALLS):
        run_id, at_ms = f"{org_id}-{version}-{number}", start + number * 60_000
        records += [(RUN_VIEWS, view(org_id, run_id, at_ms, version)), (PROVIDER_CALLS, call(org_id, run_id, at_ms))]
    placed = [(InRecord(topic, 0, n, 0, b"k", b"{}"), record) for n, (topic, record) in enumerate(records)]
    await AnalyticsSink(store).write(placed)


def view(org_id: str, run_id: str, at_ms: int, version: int) -> RunView:
    return RunView(
        org_id=org_id,
        run_id=run_id,
        version=1,
        source="api",
        body_hash="0",
        spec_hash="0",
        trace_id="0",
        workflow_name="greeting",
        workflow_version=version,
        status="succeeded",
        submitted_at_ms=at_ms,
        steps=[StepView(step_id="greet", node_id="greet", kind="llm", state="succeeded", attempt=1)],
    )


def call(org_id: str, run_id: str, at_ms: int, request: dict[str, Any] | None = None) -> ProviderCall:
    return ProviderCall(
        call_id=f"{run_id}:greet:1#1",
        request_id=f"{run_id}:greet:1",
        org_id=org_id,
        run_id=run_id,
        step_id="greet",
        attempt=1,
        workflow_name="greeting",
        provider="local",
        model="local-silver",
        outcome="ok",
        usage=Usage(input_tokens=1_000, output_tokens=100),
        cost_nano=1_200_000,
        price_version="local-1",
        started_at_ms=at_ms,
        latency_ms=20.0,
        idempotency_key="k",
        capture="full",
        request=inline({"prompt": "the same"}) if request is None else inline(request),
    )


async def suggestions(api: Running) -> dict[str, dict[str, Any]]:
    answer = await api.client.get(SUGGESTIONS, params={"workflow": "greeting"})
    assert answer.status_code == 200, answer.text
    return {one["kind"]: one for one in answer.json()["suggestions"]}


async def newest(api: Running) -> dict[str, Any]:
    answer = await api.client.get(f"{WORKFLOWS}/greeting")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_suggestion_is_computed_applied_and_undone(api: Running, store: ClickHouse) -> None:
    found = (await suggestions(api))["cache"]
    assert (found["workflow"], found["node_id"], found["change"]) == ("greeting", "greet", {"cache": True})
    assert found["evidence"]["calls"] == found["evidence"]["runs"] == CALLS
    # The answer of each hour serves the 59 calls after it.
    assert found["saving"]["amount_usd"] == "0.1764"
    before = await newest(api)

    applied = await api.client.post(f"{SUGGESTIONS}/{found['id']}/apply")
    assert applied.status_code == 201, applied.text
    assert (applied.json()["from_version"], applied.json()["to_version"]) == (1, 2)
    after = await newest(api)
    assert after["version"] == 2
    assert "cache" not in await suggestions(api), "the calls of another form of the node say nothing about it"

    undone = await api.client.post(f"{SUGGESTIONS}/{found['id']}/undo")
    assert undone.json()["undone_version"] == 3, undone.text
    again = await api.client.post(f"{SUGGESTIONS}/{found['id']}/undo")
    assert again.json() == undone.json()
    assert (await newest(api))["spec"] == before["spec"] | {"version": 3}
    (listed,) = (await api.client.get(CHANGES)).json()["changes"]
    assert listed == undone.json()


async def test_undo_does_not_lose_a_version_that_came_later(api: Running) -> None:
    found = (await suggestions(api))["cache"]
    assert (await api.client.post(f"{SUGGESTIONS}/{found['id']}/apply")).status_code == 201
    later = (await newest(api))["spec"] | {"version": 3, "description": "mine"}
    assert (await api.client.post(WORKFLOWS, json=later)).status_code == 201
    refused = await api.client.post(f"{SUGGESTIONS}/{found['id']}/undo")
    assert (refused.status_code, "version 3" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("action", ["apply", "undo"])
async def test_an_unknown_suggestion_is_404(api: Running, action: str) -> None:
    answer = await api.client.post(f"{SUGGESTIONS}/cache-0123456789abcdef/{action}")
    assert answer.status_code == 404, answer.text


async def test_another_organisations_calls_suggest_nothing(api: Running, store: ClickHouse) -> None:
    rows = await store.query("SELECT count() FROM provider_calls WHERE org_id = 'another'")
    assert rows == [(CALLS,)]
    assert {one["evidence"]["calls"] for one in (await suggestions(api)).values()} == {CALLS}


async def test_facts_know_the_beginning_of_a_request_and_its_share(store: ClickHouse) -> None:
    messages = [{"role": "user", "content": "x" * 50}]
    requests: dict[str, dict[str, Any]] = {
        "r1": {"system": "s" * 100, "messages": messages},
        "r2": {"system": "s" * 100, "messages": [{"role": "user", "content": "y"}]},
        "r3": {"system": "s" * 100, "tools": [{"name": "t"}], "messages": messages},
        "r4": {"messages": messages},
    }
    records: list[tuple[str, Record]] = []
    for run_id, request in requests.items():
        records += [(RUN_VIEWS, view("org", run_id, now_ms(), 1))]
        records += [(PROVIDER_CALLS, call("org", run_id, now_ms(), request))]
    await AnalyticsSink(store).write([(InRecord(t, 0, n, 0, b"k", b"{}"), r) for n, (t, r) in enumerate(records)])
    found = {fact.run_id: fact for fact in await CallFacts(store).since("org", now_ms() - 60_000)}
    assert found["r1"].prefix == found["r2"].prefix != 0
    assert found["r3"].prefix not in (0, found["r1"].prefix)
    assert (found["r4"].prefix, found["r4"].prefix_share) == (0, 0.0)
    sent = len('"' + "s" * 100 + '"')
    assert found["r1"].prefix_share == pytest.approx(sent / (sent + len('[{"role":"user","content":""}]') + 50))
