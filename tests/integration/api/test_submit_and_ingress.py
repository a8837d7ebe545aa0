"""Submissions over HTTP and as CloudEvents at once, on one PostgreSQL and one Redis: one id is one run."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis

from connectors.ports.engine import Headers, InRecord
from connectors.postgres.database import Database
from schemas.budgets import API_KEY_TAG
from schemas.cloudevents.submission import EVENT_TYPE
from schemas.errors import Unavailable
from schemas.ids import run_id
from schemas.records.run_events import RunSubmitted
from services.workflows.resolver import NEWEST_FOR_S
from streams.roles.ingress import Ingress
from tests.support.api import (
    INPUTS,
    SUBMISSION,
    MemoryLog,
    Running,
)
from tests.support.ingress import ingress_of
from topics.catalogue import RUN_EVENTS, submissions_topic

RUNS = "/api/v1/workflows/runs"


class Letters:
    """Dead letters, kept."""

    def __init__(self) -> None:
        self.kept: list[tuple[InRecord, str, str]] = []

    async def __call__(self, record: InRecord, reason: str, message: str) -> None:
        self.kept.append((record, reason, message))


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
async def ingress(api: Running, letters: Letters) -> AsyncIterator[Ingress]:
    """Another process' ingress: connections and caches of its own, the same log."""
    database = Database(api.postgres_dsn)
    async with Redis.from_url(api.redis_url) as redis:
        yield ingress_of(api.settings, database, redis, api.log, letters)
    await database.close()


def event(org: str, id_: str, source: str = "api", data: Any = None, **changes: Any) -> InRecord:
    document = {"specversion": "1.0", "id": id_, "source": source, "type": EVENT_TYPE, "data": data or SUBMISSION}
    return InRecord(submissions_topic(org), 0, 0, 0, None, json.dumps(document | changes).encode())


def submitted(log: MemoryLog) -> list[RunSubmitted]:
    return [r for r in log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]


async def test_one_id_a_hundred_times_over_both_is_one_run(api: Running, ingress: Ingress, letters: Letters) -> None:
    org = api.org_id
    headers = {"Idempotency-Key": "both"}
    http = [api.client.post(RUNS, json=SUBMISSION, headers=headers) for _ in range(50)]
    records = [ingress.write([event(org, "both")] * 5) for _ in range(10)]
    answers = (await asyncio.gather(*http, *records))[:50]
    expected = run_id(org, "api", "both")
    assert {(a.status_code, a.json()["id"]) for a in answers if a is not None} == {(202, expected)}
    assert {r.run_id for r in submitted(api.log)} == {expected}
    assert len({r.body_hash for r in submitted(api.log)}) == 1
    assert letters.kept == []


async def test_http_and_cloudevents_make_the_same_record(api: Running, ingress: Ingress) -> None:
    org = api.org_id
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    body = SUBMISSION | {"tags": {"a": "b"}, "budget_cents": 7}
    await api.client.post(RUNS, json=body, headers={"Idempotency-Key": "one", "traceparent": trace})
    binary: Headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"two"),
        ("ce_source", b"/elsewhere"),
        ("ce_type", EVENT_TYPE.encode()),
        ("ce_traceparent", trace.encode()),
        ("content-type", b"application/json"),
    )
    await ingress.write([InRecord(submissions_topic(org), 0, 0, 0, None, json.dumps(body).encode(), binary)])
    first, second = submitted(api.log)
    # Over HTTP the key is known.
    own = {name: getattr(second, name) for name in ("run_id", "source", "submission_id", "submitted_at_ms", "tags")}
    assert {**second.tags, API_KEY_TAG: first.tags[API_KEY_TAG]} == first.tags
    assert structs.replace(first, **own) == second
    assert (second.source, second.submission_id, second.org_id) == ("/elsewhere", "two", org)
    found = (await api.client.get(f"{RUNS}/{second.run_id}")).json()
    assert (found["status"], found["source"]) == ("queued", "/elsewhere")


async def test_what_cannot_be_submitted_is_put_aside_and_the_rest_goes_on(
    api: Running, ingress: Ingress, letters: Letters
) -> None:
    org = api.org_id
    conflict = SUBMISSION | {"tags": {"other": "body"}}
    batch = [
        event(org, "good-1"),
        event(org, "x", data={"workflow_name": "unknown"}),
        event(org, "x", data={"workflow_name": "greeting", "inputs": {"name": "Ada"}}),
        event(org, "x", data={"workflow_name": "greeting", "nonsense": 1}),
        event(org, "x", type="com.example.other"),
        event(org, "i" * 257),
        event(org, "x", data=SUBMISSION | {"inputs": {"language": "x", "name": "x" * 9_000_000}}),
        InRecord(submissions_topic(org), 0, 0, 0, None, b"\x00\x01"),
        event("nobody", "good-1"),
        event(org, "good-1", data=conflict),
        event(org, "good-1"),
        event(org, "good-2"),
        event(org, "y", data=SUBMISSION | {"inputs": INPUTS | {"more": 1}}),
    ]
    await ingress.write(batch)
    assert [r.submission_id for r in submitted(api.log)] == ["good-1", "good-2"]
    assert [(batch.index(record), reason) for record, reason, _ in letters.kept] == [
        (1, "not_found"),
        (2, "invalid_input"),
        (3, "invalid_input"),
        (4, "cloudevent"),
        (5, "cloudevent"),
        (6, "too_large"),
        (7, "json"),
        (8, "not_found"),
        (12, "invalid_input"),
        (9, "submission_conflict"),
    ]
    assert all(message for _, _, message in letters.kept)


async def test_nothing_is_put_aside_when_a_dependency_is_down(api: Running, ingress: Ingress, letters: Letters) -> None:
    org = api.org_id
    batch = [event(org, "a"), event(org, "b", type="other"), event(org, "c")]
    api.log.down = True
    with pytest.raises(Unavailable):
        await ingress.write(batch)
    assert letters.kept == []
    api.log.down = False
    await ingress.write(batch)
    assert [r.submission_id for r in submitted(api.log)] == ["a", "c"]
    assert [reason for _, reason, _ in letters.kept] == ["cloudevent"]
    await ingress.write(batch)
    assert len(submitted(api.log)) == 2


async def test_a_batch_whose_first_body_lost_keeps_the_one_that_won(
    api: Running, ingress: Ingress, letters: Letters
) -> None:
    org = api.org_id
    await api.client.post(RUNS, json=SUBMISSION, headers={"Idempotency-Key": "won"})
    other = SUBMISSION | {"tags": {"lost": "yes"}}
    await ingress.write([event(org, "won", data=other), event(org, "won"), event(org, "won", data=other)])
    assert [reason for _, reason, _ in letters.kept] == ["submission_conflict"] * 2
    assert len(submitted(api.log)) == 1


async def test_a_removed_label_is_a_typed_dead_letter_and_never_an_earlier_version(
    api: Running, ingress: Ingress, letters: Letters
) -> None:
    org, label = api.org_id, "/api/v1/prompts/greeter/labels/production"
    (await api.client.put(label, json={"version": 3})).raise_for_status()
    node = {"id": "greet", "type": "llm", "config": {"prompt_ref": "greeter@production"}}
    flow = {"name": "labelled", "version": 1, "dag": {"nodes": [node], "edges": []}}
    (await api.client.post("/api/v1/workflows", json=flow)).raise_for_status()
    body = {"workflow_name": "labelled", "inputs": INPUTS}
    await ingress.write([event(org, "before", data=body)])
    assert submitted(api.log)[-1].spec.prompts["greeter@production"].version == 3
    (await api.client.delete(label)).raise_for_status()
    await asyncio.sleep(NEWEST_FOR_S)
    await ingress.write([event(org, "after", data=body)])
    ((_, reason, message),) = letters.kept
    assert (reason, "greeter@production" in message) == ("unknown_prompt", True)
    assert submitted(api.log)[-1].submission_id == "before"
