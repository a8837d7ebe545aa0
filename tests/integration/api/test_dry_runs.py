"""Dry runs of submissions and schedules: what would happen is said, and nothing happens."""

from datetime import datetime
from typing import Any

import pytest

from connectors.postgres.database import Database
from tests.support.api import INPUTS, SUBMISSION, Running
from topics.catalogue import RUN_EVENTS

RUNS, SCHEDULES, BUDGETS, LIMITS = "/api/v1/workflows/runs", "/api/v1/schedules", "/api/v1/budgets", "/api/v1/limits"
SCHEDULE = {"name": "s", "workflow_name": "greeting", "inputs": INPUTS, "interval_s": 3600}


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


async def dry(api: Running, key: str | None = None, **changes: Any) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.client.post(f"{RUNS}?dry_run=true", json=SUBMISSION | changes, headers=headers)


async def test_a_dry_run_says_what_would_run_and_appends_nothing(api: Running) -> None:
    answer = await dry(api, "one", budget_cents=5, deadline_ms=1000)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["dry_run"], body["duplicate"], body["budgets"]) == (True, False, [])
    assert (body["workflow_version"], body["required_inputs"]) == (1, ["language", "name"])
    assert body["admission"] == {"decision": "start", "on": "", "detail": "there are no limits"}
    assert (body["budget_cents"], body["deadline_ms"]) == ("5", 1000)
    assert api.log.decoded(RUN_EVENTS) == []
    assert (await api.client.get(f"{RUNS}/{body['id']}")).status_code == 404
    real = await api.client.post(
        RUNS, json=SUBMISSION | {"budget_cents": 5, "deadline_ms": 1000}, headers={"Idempotency-Key": "one"}
    )
    assert (real.status_code, real.json()["id"], real.json()["duplicate"]) == (202, body["id"], False)
    again = await dry(api, "one", budget_cents=5, deadline_ms=1000)
    assert (again.json()["duplicate"], again.json()["id"]) == (True, body["id"])
    assert (await dry(api, "one")).status_code == 422


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"inputs": {"name": "Ada"}}, 422),
        ({"inputs": INPUTS | {"more": 1}}, 422),
        ({"workflow_name": "nowhere"}, 404),
        ({"inputs": INPUTS | {f"x{i}": "x" * 10_000 for i in range(40)}}, 422),
    ],
)
async def test_a_dry_run_is_refused_as_the_submission_would_be(
    api: Running, changes: dict[str, Any], status: int
) -> None:
    answer = await dry(api, **changes)
    real = await api.client.post(RUNS, json=SUBMISSION | changes)
    assert (answer.status_code, answer.json()) == (status, real.json())


async def test_a_dry_run_names_the_inputs_that_would_be_stored(api: Running) -> None:
    answer = await dry(api, inputs=INPUTS | {"name": "x" * 100_000})
    assert answer.json()["stored_inputs"] == ["name"]


async def test_a_dry_run_says_what_is_full(api: Running) -> None:
    await api.client.put(LIMITS, json={"max_running_runs": 5, "workflows": {"greeting": 0}})
    admission = (await dry(api)).json()["admission"]
    assert (admission["decision"], admission["on"]) == ("queue", "workflow greeting")
    await api.client.put(LIMITS, json={"projects": {"web": 0}, "allow_unknown": True})
    admission = (await dry(api, project="web")).json()["admission"]
    assert (admission["decision"], admission["on"]) == ("queue", "project web")
    assert (await dry(api, project="other")).json()["admission"]["decision"] == "start"
    await api.client.put(LIMITS, json={"max_running_runs": 5})
    assert (await dry(api)).json()["admission"]["decision"] == "start"


async def test_a_dry_run_names_the_budgets_that_apply(api: Running) -> None:
    wanted = [
        {"name": "all", "limit_cents": 1000},
        {"name": "flow", "limit_cents": 10, "scope": "workflow", "target": "greeting"},
        {"name": "silver", "limit_cents": 10, "scope": "model", "target": "local-silver"},
        {"name": "gold", "limit_cents": 10, "scope": "model", "target": "local-gold"},
        {"name": "openai", "limit_cents": 10, "scope": "provider", "target": "openai"},
    ]
    for budget in wanted:
        (await api.client.post(BUDGETS, json=budget)).raise_for_status()
    found = {budget["name"]: budget["state"] for budget in (await dry(api)).json()["budgets"]}
    assert found == {"all": "open", "flow": "open", "silver": "open"}


async def test_a_dry_run_of_a_schedule_shows_its_slots_and_stores_nothing(api: Running) -> None:
    answer = await api.client.post(f"{SCHEDULES}?dry_run=true", json=SCHEDULE)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["dry_run"], len(body["next_runs"])) == (True, 5)
    assert body["first_run"]["admission"]["decision"] == "start"
    assert (await api.client.get(SCHEDULES)).json()["schedules"] == []
    bad = await api.client.post(f"{SCHEDULES}?dry_run=true", json=SCHEDULE | {"inputs": {"name": "{{slots}}"}})
    assert bad.status_code == 422
    (await api.client.post(SCHEDULES, json=SCHEDULE)).raise_for_status()
    assert (await api.client.post(f"{SCHEDULES}?dry_run=true", json=SCHEDULE)).status_code == 200
    other = await api.client.post(f"{SCHEDULES}?dry_run=true", json=SCHEDULE | {"interval_s": 7200})
    assert other.status_code == 409


async def test_a_dry_run_of_a_change_shows_the_changed_schedule_and_stores_nothing(api: Running) -> None:
    made = (await api.client.post(SCHEDULES, json=SCHEDULE | {"budget_cents": 3})).json()
    (await api.client.post(SCHEDULES, json=SCHEDULE | {"name": "other"})).raise_for_status()
    where = f"{SCHEDULES}/{made['id']}"
    answer = await api.client.patch(f"{where}?dry_run=true", json={"interval_s": 60})
    assert answer.status_code == 200, answer.text
    first, second, *_ = (datetime.fromisoformat(slot) for slot in answer.json()["next_runs"])
    assert (second - first).total_seconds() == 60
    assert answer.json()["first_run"]["admission"]["decision"] == "start"
    assert (await api.client.patch(f"{where}?dry_run=true", json={"paused": True})).json()["next_runs"] == []
    for bad, status in (({"inputs": {"name": "{{slots}}"}}, 422), ({"name": "other"}, 409), ({"cron": "x"}, 422)):
        tried = await api.client.patch(f"{where}?dry_run=true", json=bad)
        real = await api.client.patch(where, json=bad)
        assert (tried.status_code, tried.text) == (status, real.text)
    after = (await api.client.get(where)).json()
    assert {name: after[name] for name in made} == made


async def test_dry_runs_leave_the_database_as_it_was(api: Running) -> None:
    database = Database(api.postgres_dsn)
    counts = (
        "SELECT (SELECT count(*) FROM workflow) + (SELECT count(*) FROM prompt) + (SELECT count(*) FROM schedule) "
        "+ (SELECT count(*) FROM workflow_run) AS n"
    )
    before = await database.fetchrow("count", counts)
    await dry(api, "two")
    await api.client.post(f"{SCHEDULES}?dry_run=true", json=SCHEDULE)
    node = {"id": "say", "type": "llm", "config": {"prompt": "Say {{word}}"}}
    document = {"name": "talk", "version": 1, "dag": {"nodes": [node]}}
    assert (await api.client.post("/api/v1/workflows?dry_run=true", json=document)).status_code == 200
    assert await database.fetchrow("count", counts) == before
    await database.close()
