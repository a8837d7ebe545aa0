"""CloudEvents over HTTP: one pair is one run on every door, batches, and what a sender may not say."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from schemas.cloudevents.submission import EVENT_TYPE
from schemas.ids import run_id
from schemas.records.run_events import RunSubmitted
from streams.roles.ingress import Ingress
from tests.support.api import PROMPT, SUBMISSION, WORKFLOW, Running, unique
from tests.support.ingress import ingress_of
from topics.catalogue import RUN_EVENTS, submissions_topic

RUNS = "/api/v1/workflows/runs"
SOURCE = "urn:example:orders"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


async def no_letter(record: InRecord, reason: str, message: str) -> None:
    raise AssertionError(f"{record} was put aside: {reason}: {message}")


@pytest.fixture
async def ingress(api: Running) -> AsyncIterator[Ingress]:
    """Another process' ingress, for the same events as records."""
    database = Database(api.postgres_dsn)
    async with Redis.from_url(api.redis_url) as redis:
        yield ingress_of(api.settings, database, redis, api.log, no_letter)
    await database.close()


def event(id_: str, data: Any = None, **changes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id_, "source": SOURCE, "type": EVENT_TYPE, "data": data or SUBMISSION} | changes


def binary(id_: str, **changes: str) -> dict[str, str]:
    return {"ce-specversion": "1.0", "ce-id": id_, "ce-source": SOURCE, "ce-type": EVENT_TYPE} | changes


def submitted(api: Running) -> list[RunSubmitted]:
    return [record for record in api.log.decoded(RUN_EVENTS) if isinstance(record, RunSubmitted)]


async def test_one_pair_over_http_in_each_mode_and_over_kafka_is_one_run(api: Running, ingress: Ingress) -> None:
    document, topic = json.dumps(event("one")).encode(), submissions_topic(api.org_id)
    sends: list[Any] = []
    for _ in range(12):
        sends += [
            api.client.post(RUNS, content=document, headers=STRUCTURED),
            api.client.post(RUNS, json=SUBMISSION, headers=binary("one")),
            api.client.post(RUNS, content=b"[" + document + b"]", headers=BATCH),
            ingress.write([InRecord(topic, 0, 0, 0, None, document)]),
        ]
    answers = [one for one in await asyncio.gather(*sends) if one is not None]
    expected = run_id(api.org_id, SOURCE, "one")
    assert {one.status_code for one in answers} == {202}
    said = [one.json() for one in answers]
    runs = [run for one in said for run in ([one] if "id" in one else [each["run"] for each in one["events"]])]
    assert {run["id"] for run in runs} == {expected}
    assert [run["duplicate"] for run in runs].count(False) <= 1
    (record,) = {one.run_id: one for one in submitted(api)}.values()
    assert (record.run_id, record.source, record.submission_id) == (expected, SOURCE, "one")


async def test_a_pair_is_of_the_senders_organisation_alone(api: Running) -> None:
    mine = await api.client.post(RUNS, json=SUBMISSION, headers=binary("two"))
    made = (await api.client.post("/api/v1/organisations", json={"id": unique("org")})).json()
    async with api.as_key(made["key"]["key"]) as other:
        for path, body in (("prompts", PROMPT), ("workflows", WORKFLOW)):
            (await other.post(f"/api/v1/{path}", json=body)).raise_for_status()
        theirs = await other.post(RUNS, json=SUBMISSION, headers=binary("two"))
        foreign = await other.post(RUNS, json=SUBMISSION, headers=binary("two") | {"X-Org-ID": api.org_id})
    assert (mine.status_code, theirs.status_code, foreign.status_code) == (202, 202, 403)
    assert theirs.json()["duplicate"] is False
    assert theirs.json()["id"] != mine.json()["id"]


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (event("x", source="trigger:abc"), 422, "which are ours"),
        (event("x", source="schedule:abc"), 422, "which are ours"),
        (event("x", type="agentflow.workflow.signal"), 422, "signals have a path of their own"),
        (event("x", data={"workflow_name": "unknown"}), 404, "unknown"),
        (event("x", data=SUBMISSION | {"nonsense": 1}), 422, "data.nonsense: is unknown"),
        (event("i" * 257), 422, "at most 256 characters"),
        (event("x", specversion="2.0"), 422, "specversion 2.0 is not 1.x"),
        ({"some": "object"}, 422, "neither a structured CloudEvent"),
    ],
)
async def test_what_cannot_be_submitted_says_why(
    api: Running, document: dict[str, Any], status: int, said: str
) -> None:
    answer = await api.client.post(RUNS, content=json.dumps(document), headers=STRUCTURED)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert submitted(api) == []


async def test_bytes_that_are_no_event_are_bad_requests(api: Running) -> None:
    half = await api.client.post(RUNS, content=b'{"specversion"', headers=STRUCTURED)
    no_utf8 = await api.client.post(RUNS, content=b"\xff", headers=STRUCTURED)
    nobody = await api.client.post(
        RUNS, content=json.dumps(event("x")), headers=STRUCTURED | {"Authorization": "Bearer none"}
    )
    query = await api.client.post(f"{RUNS}?dry_run=true", json=SUBMISSION, headers=binary("x"))
    other = await api.client.post(RUNS, json=SUBMISSION, headers=binary("x") | {"Idempotency-Key": "y"})
    assert [one.status_code for one in (half, no_utf8, nobody, query, other)] == [400, 400, 401, 422, 422]
    assert submitted(api) == []


async def test_a_batch_answers_for_each_event_and_refuses_no_other(api: Running) -> None:
    await api.client.post(RUNS, json=SUBMISSION, headers=binary("known"))
    batch = [
        event("a"),
        event("b", data={"workflow_name": "unknown"}),
        {"no": "event"},
        event("known", data=SUBMISSION | {"tags": {"other": "body"}}),
        event("a"),
        event("c"),
    ]
    answer = await api.client.post(RUNS, content=json.dumps(batch), headers=BATCH)
    found = answer.json()
    assert (answer.status_code, found["accepted"], found["refused"]) == (207, 3, 3)
    assert [one["error"] and one["error"]["type"].rpartition(":")[2] for one in found["events"]] == [
        None, "not-found", "invalid-input", "submission-conflict", None, None,
    ]  # fmt: skip
    assert [one["id"] for one in found["events"]] == ["a", "b", None, "known", "a", "c"]
    assert found["events"][0]["run"]["id"] == found["events"][4]["run"]["id"]
    assert [record.submission_id for record in submitted(api)] == ["known", "a", "c"]
    again = (await api.client.post(RUNS, content=json.dumps([event("a"), event("c")]), headers=BATCH)).json()
    assert [one["run"]["duplicate"] for one in again["events"]] == [True, True]


async def test_a_batch_that_the_log_does_not_take_may_be_sent_again(api: Running) -> None:
    batch = json.dumps([event("a"), event("b")])
    api.log.down = True
    down = await api.client.post(RUNS, content=batch, headers=BATCH)
    api.log.down = False
    up = await api.client.post(RUNS, content=batch, headers=BATCH)
    assert (down.status_code, "send the batch again" in down.json()["detail"]) == (503, True)
    assert (up.status_code, up.json()["accepted"]) == (202, 2)


async def test_a_key_with_scopes_submits_events_of_its_workflows_only(api: Running) -> None:
    asked = {"name": "limited", "permissions": ["read", "write"], "scopes": ["workflow:other-*"]}
    key = (await api.client.post("/api/v1/keys", json=asked)).json()["key"]
    async with api.as_key(key) as limited:
        answer = await limited.post(RUNS, content=json.dumps([event("a"), event("b")]), headers=BATCH)
    assert answer.status_code == 403
    assert submitted(api) == []
