"""Submitting, reading, listing and cancelling runs over HTTP, on a real PostgreSQL and Redis."""

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import msgspec
import pytest
from redis.asyncio import Redis

from connectors.ports.engine import InRecord
from connectors.ports.pubsub import cancel_subject
from connectors.postgres.database import Database
from connectors.postgres.history.run_writes import RunWrites
from connectors.redis.keys import runs_slot
from schemas.budgets import API_KEY_TAG
from schemas.errors import Unavailable
from schemas.ids import run_id
from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo, Usage
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.records.run_views import RunView, StepView
from schemas.run_states import RunState
from schemas.settings import Settings
from schemas.values.cursors import packed
from streams.roles.sinks.history import HistorySink
from tests.support.api import (
    INPUTS,
    SUBMISSION,
    WORKFLOW,
    MemoryLog,
    Running,
    changed,
    running,
    until_authenticated,
)
from tests.support.bus import MemoryBus
from tests.support.history import view_of, write_views
from tests.support.polling import in_less_than
from topics.catalogue import RUN_EVENTS

RUNS = "/api/v1/workflows/runs"


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


async def submit(api: Running, key: str | None = None, **changes: Any) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.client.post(RUNS, json=SUBMISSION | changes, headers=headers)


def submitted(api: Running) -> list[RunSubmitted]:
    return [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]


async def write_history(api: Running, record: RunSubmitted, version: int, status: RunState, **more: Any) -> None:
    """Write a view of the run as the history role would."""
    fields: dict[str, Any] = {"steps": []} | more
    view = RunView(
        run_id=record.run_id,
        org_id=record.org_id,
        version=version,
        workflow_name=record.workflow_name,
        workflow_version=record.workflow_version,
        status=status,
        source=record.source,
        submission_id=record.submission_id,
        body_hash=record.body_hash,
        spec_hash=record.spec.hash,
        inputs=record.inputs,
        tags=record.tags,
        budget_nano=record.budget_nano,
        submitted_at_ms=record.submitted_at_ms,
        trace_id="t" * 32,
        **fields,
    )
    database = Database(api.postgres_dsn)
    await HistorySink(RunWrites(database)).write([(InRecord("run-views", 0, 0, 0, None, None), view)])
    await database.close()


async def test_a_submission_is_in_the_log_before_it_is_accepted(api: Running) -> None:
    answer = await submit(api, tags={"team": "x"}, budget_cents="12.5")
    assert answer.status_code == 202, answer.text
    body = answer.json()
    (record,) = submitted(api)
    assert body["id"] == record.run_id
    assert (body["status"], body["duplicate"], body["workflow_version"]) == ("queued", False, 1)
    assert body["links"]["self"] == f"{RUNS}/{record.run_id}"
    assert record.org_id == api.org_id
    assert (record.inputs, record.tags, record.budget_nano) == (
        INPUTS,
        {"team": "x", API_KEY_TAG: record.tags[API_KEY_TAG]},
        125_000_000,
    )
    assert record.spec.prompts["greeter@3"].template == "Greet {{name}} in {{language}}"
    assert api.log.last(RUN_EVENTS).key == record.run_id.encode()


async def test_a_read_right_after_202_finds_the_run_queued(api: Running) -> None:
    answer = await submit(api, tags={"team": "x"})
    found = await api.client.get(answer.json()["links"]["self"])
    assert found.status_code == 200
    body = found.json()
    assert (body["status"], body["workflow_name"], body["tags"], body["steps"]) == (
        "queued",
        "greeting",
        {"team": "x"},
        [],
    )
    assert (body["cost_cents"], body["cost_usd"]) == ("0", "0")


async def test_one_submission_a_hundred_times_is_one_run(api: Running) -> None:
    answers = await asyncio.gather(*(submit(api, "again") for _ in range(100)))
    assert {a.status_code for a in answers} == {202}
    assert {a.json()["id"] for a in answers} == {run_id(api.org_id, "api", "again")}
    assert len({r.run_id for r in submitted(api)}) == 1
    appended = len(submitted(api))
    again = await submit(api, "again")
    assert again.json()["duplicate"] is True
    assert len(submitted(api)) == appended


@pytest.mark.parametrize("where", ["marker", "history"])
async def test_one_id_with_another_body_is_refused(api: Running, redis_url: str, where: str) -> None:
    await submit(api, "key")
    if where == "history":
        record = submitted(api)[0]
        await write_history(api, record, 1, "running")
        await forget_marker(api, redis_url, record.run_id)
    other = await submit(api, "key", tags={"another": "body"})
    assert other.status_code == 422
    assert other.json()["type"] == "urn:agentflow:problem:submission-conflict"
    same = await submit(api, "key")
    assert (same.status_code, same.json()["duplicate"]) == (202, True)
    assert len(submitted(api)) == 1


async def test_a_submission_that_redis_forgot_is_still_one_run(api: Running, redis_url: str) -> None:
    first = (await submit(api, "key")).json()
    await forget_marker(api, redis_url, first["id"])
    second = await submit(api, "key")
    assert (second.status_code, second.json()["id"]) == (202, first["id"])


async def forget_marker(api: Running, redis_url: str, run: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        assert await redis.delete(runs_slot(run, api.partitions).accepted(run)) == 1


async def test_a_default_version_is_the_newest_one_at_once(api: Running) -> None:
    assert (await submit(api)).json()["workflow_version"] == 1
    (await api.client.post("/api/v1/workflows", json=WORKFLOW | {"version": 2})).raise_for_status()
    assert (await submit(api)).json()["workflow_version"] == 2
    assert (await submit(api, workflow_version=1)).json()["workflow_version"] == 1


async def test_a_prompt_without_version_is_pinned_when_the_run_is_submitted(api: Running) -> None:
    nodes = [{"id": "greet", "type": "llm", "config": {"prompt_ref": "greeter"}}]
    workflow = {"name": "floating", "version": 1, "dag": {"nodes": nodes}}
    (await api.client.post("/api/v1/workflows", json=workflow)).raise_for_status()
    await submit(api, workflow_name="floating")
    (await api.client.post("/api/v1/prompts", json={"name": "greeter", "template": "Hi {{name}}"})).raise_for_status()
    await submit(api, workflow_name="floating")
    assert [r.spec.prompts["greeter"].version for r in submitted(api)] == [3, 4]
    assert len({r.spec.hash for r in submitted(api)}) == 2


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"inputs": {"name": "Ada"}}, 422, "invalid-input", "inputs.language"),
    ({"inputs": {}}, 422, "invalid-input", "inputs.name"),
    ({"workflow_name": "nothing"}, 404, "not-found", ""),
    ({"workflow_version": 9}, 404, "not-found", ""),
    ({"workflow_version": "1"}, 422, "invalid-input", "workflow_version"),
    ({"workflow_nmae": "x"}, 422, "invalid-input", "workflow_nmae"),
    ({"tags": {"a b": "c"}}, 422, "invalid-input", "tags.a b.[key]"),
    ({"tags": {"a": "\0"}}, 422, "invalid-input", "tags.a"),
    ({"budget_cents": -1}, 422, "invalid-input", "budget_cents"),
    ({"budget_cents": "1e999999"}, 422, "invalid-input", "budget_cents"),
    ({"budget_cents": "NaN"}, 422, "invalid-input", "budget_cents"),
    ({"inputs": {**INPUTS, "big": "x" * 8 * 1024 * 1024}}, 413, "too-large", ""),
]


@pytest.mark.parametrize(("changes", "status", "kind", "path"), BAD)
async def test_bad_submissions_say_what_is_wrong(
    api: Running, changes: dict[str, Any], status: int, kind: str, path: str
) -> None:
    answer = await submit(api, **changes)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"], body["instance"]) == (f"urn:agentflow:problem:{kind}", status, RUNS)
    assert path in [p["path"] for p in body["problems"]] if path else body["detail"]
    assert submitted(api) == []


RAW: list[tuple[bytes, int]] = [
    (b'{"workflow_name": ', 400),
    (b'{"workflow_name": "greeting", "inputs": {"name": NaN, "language": "x"}}', 400),
    (b"[" * 200 + b"]" * 200, 400),
    (b'{"workflow_name": "\\ud800"}', 400),
    (b"\xff\xfe", 415),
    (b"[]", 422),
    (b"", 400),
]


@pytest.mark.parametrize(("body", "status"), RAW)
async def test_bodies_that_are_no_strict_json_are_refused(api: Running, body: bytes, status: int) -> None:
    answer = await api.client.post(RUNS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_whole_run_is_shown(api: Running) -> None:
    await submit(api, "whole", budget_cents=100)
    (record,) = submitted(api)
    big = Reference(uri="file:///o/1", sha256="0" * 64, size=70_000)
    steps = [
        StepView(
            step_id="greet",
            node_id="greet",
            kind="llm",
            state="waiting",
            attempt=2,
            usage=Usage(input_tokens=11, output_tokens=3, cache_read_tokens=9),
            cost_nano=1_250_000,
            provider="local",
            model="extractive",
            waiting_for="retry",
            waiting_until_ms=record.submitted_at_ms + 1000,
            requested_at_ms=record.submitted_at_ms,
            error=ErrorInfo(code="rate_limited", message="slow down"),
        ),
        StepView(step_id="m[1]", node_id="m", kind="function", state="succeeded", output=inline("second")),
        StepView(step_id="m[0]", node_id="m", kind="function", state="succeeded", output=inline("first")),
    ]
    more = {"steps": steps, "output": {"merge": inline({"a": 1}), "huge": big}, "output_in_steps": ["m"]}
    await write_history(api, record, 7, "succeeded", cost_nano=1_250_000, **more)
    body = (await api.client.get(f"{RUNS}/{record.run_id}")).json()
    assert body["output"] == {"merge": {"a": 1}, "huge": msgspec.to_builtins(big), "m": ["first", "second"]}
    assert (body["status"], body["cost_cents"], body["cost_usd"]) == ("succeeded", "0.125", "0.00125")
    assert (body["inputs"], body["budget_cents"], body["submission_id"]) == (INPUTS, "100", "whole")
    first = body["steps"][0]
    tokens = {"input": 11, "output": 3, "kinds": {"cache_read_tokens": 9}}
    assert (first["id"], first["attempts"], first["tokens"]) == ("greet", 2, tokens)
    assert body["steps"][1]["tokens"] == {"input": 0, "output": 0, "kinds": {}}
    assert (first["provider"], first["model"], first["error"]["code"]) == ("local", "extractive", "rate_limited")
    assert first["waiting"]["kind"] == "retry"
    assert [s["output"] for s in body["steps"]] == [None, None, None]
    shown = (await api.client.get(f"{RUNS}/{record.run_id}?step_outputs=true")).json()
    assert [s["output"] for s in shown["steps"]] == [None, "first", "second"]


async def test_runs_are_listed_with_filters_and_cursor(api: Running) -> None:
    for n in range(5):
        await submit(api, f"list-{n}", tags={"n": str(n), "all": "yes"})
    for n, record in enumerate(submitted(api)):
        await write_history(api, record, 1, "failed" if n == 3 else "running")
    page = (await api.client.get(RUNS, params={"limit": 2})).json()
    assert len(page["runs"]) == 2
    seen = [r["id"] for r in page["runs"]]
    while page["next_cursor"]:
        page = (await api.client.get(RUNS, params={"limit": 2, "cursor": page["next_cursor"]})).json()
        seen += [r["id"] for r in page["runs"]]
    assert sorted(seen) == sorted(r.run_id for r in submitted(api))

    async def ids(**params: Any) -> list[str]:
        return [r["tags"]["n"] for r in (await api.client.get(RUNS, params=params)).raise_for_status().json()["runs"]]

    assert await ids(status="failed") == ["3"]
    assert await ids(tag=["n:1", "all:yes"]) == ["1"]
    assert len(await ids(since="1h", workflow="greeting")) == 5
    assert await ids(since="2999-01-01T00:00:00Z") == []


async def test_a_list_says_what_still_compensates_as_a_run_does(api: Running) -> None:
    await submit(api, "undone")
    (record,) = submitted(api)
    undo = StepView(step_id="undo", node_id="undo", kind="function", state="running", attempt=1)
    for version, still in ((1, False), (2, True), (3, False)):
        state = msgspec.structs.replace(undo, state="running" if still else "succeeded")
        view = view_of(record, "failed" if version > 1 else "running", [state], version, compensating=still)
        await write_views(api.postgres_dsn, view)
        (listed,) = (await api.client.get(RUNS)).json()["runs"]
        whole = (await api.client.get(f"{RUNS}/{record.run_id}")).json()
        assert (listed["compensating"], whole["compensating"]) == (still, still)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"cursor": "nonsense"}, "query.cursor"),
        ({"cursor": "AAAA====\0"}, "query.cursor"),
        ({"tag": "novalue"}, "query.tag"),
        ({"since": "yesterday"}, "query.since"),
        ({"since": "0001-01-01T00:00:00Z"}, ""),
        ({"since": "2026-11-22"}, "query.since"),
        ({"status": "done"}, "query.status"),
        ({"limit": "0"}, "query.limit"),
        ({"limit": "1001"}, "query.limit"),
        ({"workflow": "\0"}, "query.workflow"),
    ],
)
async def test_bad_filters_say_what_is_wrong(api: Running, params: dict[str, str], path: str) -> None:
    answer = await api.client.get(RUNS, params=params)
    assert answer.status_code == (422 if path else 200), answer.text
    if path:
        assert [p["path"] for p in answer.json()["problems"]] == [path]


async def test_cancel(api: Running) -> None:
    accepted = (await submit(api)).json()
    answer = await api.client.post(accepted["links"]["cancel"], json={"reason": "wrong document"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    (asked,) = [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, CancelRequested)]
    assert (asked.run_id, asked.reason) == (accepted["id"], "wrong document")
    assert asked.requested_by.startswith("bootstrap-")
    await write_history(api, submitted(api)[0], 3, "canceled")
    assert (await api.client.post(accepted["links"]["cancel"])).status_code == 409
    assert (await api.client.post(f"{RUNS}/unknown/cancel")).status_code == 404


async def test_cancel_that_may_come_before_its_submission_breaks_no_call_off(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind, bus = Unavailable("history", "it is behind the log"), MemoryBus()
    runs = api.app.state.services.runs
    # What the run's submission is, nobody knows yet: it may be late, and then follow the cancel in the log.
    monkeypatch.setattr(runs.known, "unknown", AsyncMock(return_value=behind))
    monkeypatch.setattr(api.app.state, "services", replace(api.app.state.services, runs=replace(runs, bus=bus)))
    answer = await api.client.post(f"{RUNS}/late/cancel")
    assert (answer.status_code, [r.run_id for r in api.log.decoded(RUN_EVENTS)]) == (503, ["late"])
    assert bus.said == []
    known = (await submit(api)).json()["id"]
    assert (await api.client.post(f"{RUNS}/{known}/cancel")).status_code == 202
    assert bus.of(cancel_subject(api.org_id)) == [known.encode()]


async def test_another_organisation_sees_nothing(api: Running) -> None:
    made = await api.client.post("/api/v1/organisations", json={"id": f"other{api.org_id}"})
    run = (await submit(api, "mine")).json()
    async with api.as_key(made.json()["key"]["key"]) as other:
        assert (await other.get(f"{RUNS}/{run['id']}")).status_code == 404
        assert (await other.post(f"{RUNS}/{run['id']}/cancel")).status_code == 404
        assert (await other.get("/api/v1/workflows/greeting")).status_code == 404
        assert (await other.post(RUNS, json=SUBMISSION)).status_code == 404
        assert (await other.get(RUNS)).json()["runs"] == []


@pytest.mark.parametrize("how", ["down", "hang"])
async def test_a_broker_that_does_not_answer_is_503_in_two_seconds(api: Running, how: str) -> None:
    setattr(api.log, how, True)
    answers = await in_less_than(2, lambda: asyncio.gather(*(submit(api, f"lost-{n % 3}") for n in range(6))))
    assert {a.status_code for a in answers} == {503}
    assert {a.json()["dependency"] for a in answers} == {"kafka"}
    assert all(int(a.headers["Retry-After"]) >= 1 for a in answers)
    assert (await api.client.get(f"{RUNS}/{run_id(api.org_id, 'api', 'lost-0')}")).status_code == 404
    setattr(api.log, how, False)
    assert (await submit(api, "lost-0")).status_code == 202
    assert len([r for r in submitted(api) if r.submission_id == "lost-0"]) == 1


@pytest.mark.parametrize("key", ["a-key", None])
async def test_a_submission_without_acknowledgement_names_the_run_that_may_be_accepted(
    api: Running, key: str | None
) -> None:
    api.log.hang = True
    answer = await submit(api, key)
    body = answer.json()
    assert (answer.status_code, body["type"]) == (503, "urn:agentflow:problem:outcome-unknown")
    assert f"run {body['run_id']} may have been accepted" in body["detail"]
    assert "Idempotency-Key" in body["detail"]
    assert body["links"]["self"] == f"{RUNS}/{body['run_id']}"
    api.log.hang = False
    if key is not None:
        assert (await submit(api, key)).json()["id"] == body["run_id"]


async def test_over_the_limit_is_429(api: Running) -> None:
    api.log.hang = True
    many = [asyncio.create_task(submit(api)) for _ in range(600)]
    statuses = [(await answer).status_code for answer in asyncio.as_completed(many)]
    assert statuses.count(429) == 600 - 512
    assert statuses.count(503) == 512
    api.log.hang = False
    assert (await submit(api)).status_code == 202


async def test_concurrent_submissions_share_appends(api: Running) -> None:
    await submit(api)
    before = api.log.appends
    answers = await asyncio.gather(*(submit(api) for _ in range(50)))
    assert {a.status_code for a in answers} == {202}
    assert len(submitted(api)) == 51
    assert api.log.appends - before < 50


@pytest.mark.parametrize(
    ("change", "dependency"),
    [({"REDIS_URL": "redis://127.0.0.1:1/0"}, "redis"), ({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "postgres")],
)
async def test_a_dependency_that_is_down_is_named(settings: Settings, change: dict[str, str], dependency: str) -> None:
    async with running(settings) as first:
        await until_authenticated(first)
        await first.define_greeting()
    async with running(changed(settings, **change), MemoryLog()) as api:
        if dependency == "redis":
            await until_authenticated(api)
        answer = await in_less_than(2, lambda: submit(api))
        assert (answer.status_code, answer.json()["dependency"]) == (503, dependency)
        assert submitted(api) == []


async def test_steps_of_a_run_that_is_not_there_have_no_further_page_either(api: Running) -> None:
    path = "/api/v1/workflows/runs/00000000-0000-0000-0000-000000000000/steps"
    cursor = packed(["greet", -1, "greet"])
    answer = await api.client.get(path, params={"cursor": cursor})
    assert answer.status_code == (await api.client.get(path)).status_code == 404
