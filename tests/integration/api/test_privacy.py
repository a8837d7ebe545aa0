"""Personal data over HTTP: what the log has of a submission, and who sees values where it has tokens."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.caller import Caller
from api.live.readers import along_of
from connectors.postgres.database import Database
from schemas.payload import Inline
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import RunSubmitted, SignalReceived
from schemas.records.run_views import StepView
from schemas.records.token_pieces import TokenPieces
from schemas.settings import Settings
from tests.support.api import Running, settings_for
from tests.support.history import view_of, write_views
from tests.support.privacy import TOKEN
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
MAIL = "ada@acme.org"
BODY: dict[str, Any] = {"workflow_name": "greeting", "inputs": {"name": MAIL, "language": "French"}}
SECTION: dict[str, Any] = {
    "redact": [{"id": "people", "kinds": ["email"], "action": "token", "at": ["log"]}],
    "restore": {"readers": [{"id": "admins", "when": "'admin' in reader.permissions"}]},
}


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="11" * 32)


async def activate(api: Running, section: dict[str, Any]) -> None:
    document = {"name": "private", "effects": "allow", "privacy": section}
    made = await api.client.post("/api/v1/policies", json={"document": document})
    assert made.status_code in (200, 201), made.text
    body = {"version": made.json()["version"], "mode": "enforce"}
    answer = await api.client.post("/api/v1/policies/private/activate", json=body)
    assert answer.status_code == 200, answer.text


async def submitted(api: Running, section: dict[str, Any] = SECTION, **headers: str) -> RunSubmitted:
    await api.define_greeting()
    await activate(api, section)
    made = await api.client.post(RUNS, json=BODY, headers=headers)
    assert made.status_code == 202, made.text
    record = [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted)][-1]
    assert record.run_id == made.json()["id"]
    return record


def in_clear(api: Running) -> list[str]:
    return [record.topic for record in api.log.records if MAIL.encode() in (record.value or b"")]


def audited(api: Running, action: str) -> list[AuditEvent]:
    return [one for one in api.log.decoded(AUDIT_EVENTS) if one.action == action]


async def test_the_log_has_tokens_and_the_audit_log_what_was_found(api: Running) -> None:
    record = await submitted(api)
    assert TOKEN.fullmatch(record.inputs["name"])
    assert record.inputs["language"] == "French"
    assert in_clear(api) == []
    (event,) = audited(api, "submission")
    assert (event.run_id, event.decisions[0].reason) == (record.run_id, "found 1 email")
    places = [one.topic for one in api.log.records]
    submission = next(n for n, one in enumerate(api.log.records) if b"run.submitted" in (one.value or b""))
    assert AUDIT_EVENTS in places[:submission]


async def test_a_repeated_submission_is_the_same_run(api: Running) -> None:
    first = await submitted(api, **{"Idempotency-Key": "k"})
    again = await api.client.post(RUNS, json=BODY, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"]) == (202, first.run_id)
    other = {**BODY, "inputs": {"name": "bob@acme.org", "language": "French"}}
    assert (await api.client.post(RUNS, json=other, headers={"Idempotency-Key": "k"})).status_code == 422


async def test_only_allowed_readers_see_values(api: Running) -> None:
    record = await submitted(api)
    token = record.inputs["name"]
    output = Inline(value={"greeting": f"Hello {token}"}, labels={"$": ["user"]})
    steps = [StepView(step_id="greet", node_id="greet", kind="llm", state="succeeded", attempt=1, output=output)]
    await write_views(api.postgres_dsn, view_of(record, "succeeded", steps, output={"merge": output}))
    key = (await api.client.post("/api/v1/keys", json={"name": "reads", "permissions": ["read"]})).json()["key"]
    path, query = f"{RUNS}/{record.run_id}", {"step_outputs": True}

    seen = (await api.client.get(path, params=query)).json()
    assert seen["inputs"] == BODY["inputs"]
    assert seen["output"] == {"merge": {"greeting": f"Hello {MAIL}"}}
    assert seen["steps"][0]["output"] == {"greeting": f"Hello {MAIL}"}
    events = audited(api, "policy.read")
    assert {one.rule for event in events for one in event.decisions} == {"privacy:admins"}
    pages = (await api.client.get(f"{path}/steps", params={"outputs": True})).json()
    assert pages["steps"][0]["output"] == {"greeting": f"Hello {MAIL}"}

    async with api.as_key(key) as reader:
        hidden = (await reader.get(path, params=query)).json()
        assert hidden["inputs"]["name"] == token
        assert hidden["steps"][0]["output"] == {"greeting": f"Hello {token}"}
        assert MAIL not in (await reader.get(f"{path}/steps", params={"outputs": True})).text
    assert in_clear(api) == []


async def test_who_reads_along_sees_values_only_where_the_policy_says_so(api: Running) -> None:
    record = await submitted(api)
    token, parts = record.inputs["name"], api.app.state.services
    output = Inline(value=f"Hello {token}", labels={"$": ["user"]})
    steps = [StepView(step_id="greet", node_id="greet", kind="llm", state="succeeded", attempt=1, output=output)]
    await write_views(api.postgres_dsn, view_of(record, "running", steps))

    async def read(*permissions: str) -> list[dict[str, Any]]:
        """Return what a reader gets of an answer whose token comes in two pieces, and then of the whole."""
        who = Caller(key_id="k", org_id=api.org_id, permissions=frozenset(permissions))
        along = await along_of(parts, who, record.run_id, -1)
        assert along.pieces
        events = await along.tokens(TokenPieces("greet", "greet", 1, 0, ["Hello ", token[:6]]))
        events += await along.tokens(TokenPieces("greet", "greet", 1, 2, [token[6:]]))
        found = await parts.runs.streams.first(api.org_id, record.run_id, -1)
        events += await along.outputs([step for _, step in found.steps])
        return [json.loads(event.data) for event in events]

    *pieces, whole = await read("read", "admin")
    assert "".join(one["text"] for one in pieces) == whole["output"] == f"Hello {MAIL}"
    assert {one.rule for event in audited(api, "policy.read") for one in event.decisions} == {"privacy:admins"}
    *pieces, whole = await read("read")
    assert "".join(one["text"] for one in pieces) == whole["output"] == f"Hello {token}"


async def test_refused_data_is_no_run_and_a_denial(api: Running) -> None:
    await api.define_greeting()
    await activate(api, {"redact": [{"id": "no", "kinds": ["email"], "action": "deny", "at": ["log"]}]})
    refused = await api.client.post(RUNS, json=BODY)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:agentflow:problem:privacy-refused"
    assert MAIL not in refused.text
    assert [event.kind for event in audited(api, "submission")] == ["denial"]
    assert not [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted)]


async def test_signals_are_redacted_too(api: Running) -> None:
    asking = {
        "name": "asking",
        "version": 1,
        "dag": {"nodes": [{"id": "a", "type": "signal", "config": {"name": "yes"}}]},
    }
    (await api.client.post("/api/v1/workflows", json=asking)).raise_for_status()
    await activate(api, SECTION)
    run = (await api.client.post(RUNS, json={"workflow_name": "asking", "inputs": {}})).json()["id"]
    sent = await api.client.post(f"{RUNS}/{run}/signals/yes", json={"to": MAIL, "card": "4012 8888 8888 1881"})
    assert sent.status_code in (200, 202), sent.text
    (signal,) = [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, SignalReceived)]
    assert isinstance(signal.payload, Inline)
    assert TOKEN.fullmatch(signal.payload.value["to"])
    assert signal.payload.labels["$.card"] == ["user", "class:card", "from:signal"]
    assert len(audited(api, "signal")) == 1


async def test_a_schedule_of_a_person_is_sealed_in_its_row_and_unreadable_after_an_erasure(api: Running) -> None:
    await api.define_greeting()
    body = {"name": "n", "workflow_name": "greeting", "inputs": BODY["inputs"], "interval_s": 60, "subject": "person-7"}
    made = await api.client.post("/api/v1/schedules", json=body)
    assert made.status_code == 201, made.text
    assert (made.json()["inputs"], made.json()["subject"][:4]) == ({}, "sub_")
    assert (await api.client.post("/api/v1/schedules", json=body)).status_code == 200
    assert (await api.client.post("/api/v1/schedules", json=body | {"inputs": {}})).status_code in (409, 422)
    for bad in ({"name": "of person-7"}, {"tags": {"who": MAIL}}, {"inputs": {"$sealed": 1}}):
        assert (await api.client.post("/api/v1/schedules", json=body | bad)).status_code == 422
    at = f"/api/v1/schedules/{made.json()['id']}"
    assert (await api.client.patch(at, json={"inputs": BODY["inputs"] | {"language": "German"}})).status_code == 200
    assert (await api.client.patch(at, json={"interval_s": 90}, params={"dry_run": "true"})).status_code == 200
    assert MAIL not in json.dumps((await api.client.get(at)).json())
    async with asyncpg_row(api, made.json()["id"]) as row:
        assert MAIL not in row
        assert "person-7" not in row
    assert (await api.client.post("/api/v1/subjects/person-7/erase")).is_success
    assert (await api.client.patch(at, json={"interval_s": 90})).status_code == 410
    assert (await api.client.delete(at)).status_code == 204


@asynccontextmanager
async def asyncpg_row(api: Running, schedule_id: str) -> AsyncIterator[str]:
    """The row of a schedule as text."""
    database = Database(api.postgres_dsn)
    try:
        found = await database.fetchrow("read", "SELECT schedule::text AS row FROM schedule WHERE id = $1", schedule_id)
        assert found is not None
        yield str(found["row"])
    finally:
        await database.close()
