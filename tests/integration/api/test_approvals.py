"""Answers of people to what a policy asks, over HTTP, on a real PostgreSQL."""

from typing import Any

import pytest

from schemas.payload import inline
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import RunSubmitted, SignalReceived
from schemas.records.run_views import StepView
from tests.support.api import Running
from tests.support.history import view_of, write_views
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
QUESTION = "ab" * 8
CALL = 'mail.send(to="x", text="two\nlines")'
FLOW: dict[str, Any] = {
    "name": "mailing",
    "version": 1,
    "dag": {"nodes": [{"id": "mail", "type": "tool", "config": {"tool_name": "http.request"}}]},
}


async def asking(api: Running, status: Any = "running", **step: Any) -> str:
    """Return a run whose step asks."""
    (await api.client.post("/api/v1/workflows", json=FLOW)).raise_for_status()
    (await api.client.post(RUNS, json={"workflow_name": "mailing"})).raise_for_status()
    record: RunSubmitted = next(one for one in reversed(api.log.decoded(RUN_EVENTS)) if isinstance(one, RunSubmitted))
    fields: dict[str, Any] = {"state": "waiting", "waiting_for": f"approval {QUESTION} {CALL}"} | step
    view = StepView(step_id="mail", node_id="mail", kind="tool", attempt=1, requested_at_ms=1, **fields)
    await write_views(api.postgres_dsn, view_of(record, status, [view]))
    return record.run_id


async def answer(api: Running, run: str, key: str | None = None, **said: Any) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.client.post(
        f"{RUNS}/{run}/approvals", json={"step": "mail", "approve": True} | said, headers=headers
    )


def sent(api: Running) -> list[SignalReceived]:
    return [record for record in api.log.decoded(RUN_EVENTS) if isinstance(record, SignalReceived)]


async def test_an_answer_is_a_signal_and_is_in_the_audit_log(api: Running) -> None:
    run = await asking(api)
    accepted = await answer(api, run, question=QUESTION)
    assert accepted.status_code == 202, accepted.text
    body = accepted.json()
    assert (body["step"], body["approve"], body["question"], body["asked"]) == ("mail", True, QUESTION, CALL)
    (signal,) = sent(api)
    assert (signal.run_id, signal.name, signal.signal_id) == (run, "approve/mail", body["signal_id"])
    assert signal.payload == inline({"approve": True, "question": QUESTION})
    (event,) = [one for one in api.log.decoded(AUDIT_EVENTS) if isinstance(one, AuditEvent)]
    assert (event.kind, event.action, event.decision, event.run_id) == ("admin", "approve", "allowed", run)
    assert event.actor == signal.sent_by
    assert event.actor.startswith("key:")
    # What was asked about may be private; the question's hash names it.
    assert event.details == {"question": QUESTION, "tool": "mail.send"}


async def test_a_no_is_a_denial_and_a_key_makes_repeats_one(api: Running) -> None:
    run = await asking(api)
    first, second = await answer(api, run, "once", approve=False), await answer(api, run, "once", approve=False)
    assert first.json()["signal_id"] == second.json()["signal_id"]
    assert [one.payload.value["approve"] for one in sent(api)] == [False, False]
    events = api.log.decoded(AUDIT_EVENTS)
    assert {(one.action, one.decision) for one in events} == {("refuse", "denied")}
    assert len({one.event_id for one in events}) == 1


@pytest.mark.parametrize(
    ("step", "said", "text"),
    [
        ({}, {"question": "cd" * 8}, "asks another question by now, abababababababab"),
        ({}, {"step": "other"}, "waits for no approval"),
        ({"state": "running", "waiting_for": None}, {}, "waits for no approval"),
        ({"waiting_for": "signal approval"}, {}, "waits for no approval"),
    ],
)
async def test_what_nobody_asks_is_not_answered(
    api: Running, step: dict[str, Any], said: dict[str, Any], text: str
) -> None:
    refused = await answer(api, await asking(api, **step), **said)
    assert refused.status_code == 409, refused.text
    assert text in refused.json()["detail"]
    assert sent(api) == []


async def test_a_run_that_has_ended_and_an_unknown_one(api: Running) -> None:
    run = await asking(api, "failed", state="failed", waiting_for=None)
    assert "has ended" in (await answer(api, run)).json()["detail"]
    unknown = await answer(api, "0eecbc4e-0000-7000-8000-000000000000")
    assert unknown.status_code == 404


async def test_who_may_write_may_not_approve(api: Running) -> None:
    run = await asking(api)
    made = (await api.client.post("/api/v1/keys", json={"name": "writer", "permissions": ["read", "write"]})).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    refused = await api.client.post(f"{RUNS}/{run}/approvals", json={"step": "mail", "approve": True}, headers=headers)
    assert refused.status_code == 403, refused.text
    assert sent(api) == []


async def test_what_a_step_waits_for_is_shown(api: Running) -> None:
    run = await asking(api)
    (step,) = (await api.client.get(f"{RUNS}/{run}/waiting")).json()["steps"]
    assert (step["waiting"]["kind"], step["waiting"]["on"]) == ("approval", f"{QUESTION} {CALL}")
