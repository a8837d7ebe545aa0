"""Budgets over HTTP after their creation: changed, paused, deleted, and what the ``definitions`` topic says of it."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.keys import budgets_slot
from schemas.budgets import Spender
from schemas.records.budgets import BudgetDefined, BudgetRemoved
from schemas.records.definitions import Definition
from services.budgets.definitions import BudgetDefinitions
from tests.support.api import DEADLINE_S, MemoryLog, Running
from topics.catalogue import COST_EVENTS, DEFINITIONS

BUDGETS = "/api/v1/budgets"
CALL = Spender("w", "p", "m")


async def created(api: Running, **fields: Any) -> dict[str, Any]:
    """Create a budget and return it."""
    answer = await api.client.post(BUDGETS, json={"limit_usd": "0.0001", "period": "day"} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def known(log: MemoryLog, org_id: str, budget_id: str, version: int) -> BudgetDefinitions:
    """Wait until a version of a budget is on the topic; return what a worker knows then."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            of_budget = [d for d in log.decoded(DEFINITIONS) if isinstance(d, Definition) and d.id == budget_id]
            if any(d.version == version for d in of_budget):
                definitions = BudgetDefinitions()
                for definition in of_budget:
                    definitions.apply(definition)
                definitions.mark_loaded()
                return definitions
            await asyncio.sleep(0.01)


async def test_a_limit_is_changed_for_every_worker(api: Running) -> None:
    made = await created(api)
    answer = await api.client.patch(f"{BUDGETS}/{made['id']}", json={"limit_usd": "100"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["limit_usd"], changed["version"], changed["name"]) == ("100", 2, made["name"])
    assert changed["created_at"] == made["created_at"]
    assert (await api.client.get(f"{BUDGETS}/{made['id']}")).json() == changed
    (budget,) = (await known(api.log, api.org_id, made["id"], 2)).of_org(api.org_id)
    assert budget.limit_nano == 100_000_000_000


async def test_a_change_that_changes_nothing_is_no_version(api: Running) -> None:
    made = await created(api)
    for body in ({}, {"limit_cents": "0.01"}, {"paused": False}, {"name": made["name"]}):
        answer = await api.client.patch(f"{BUDGETS}/{made['id']}", json=body)
        assert (answer.status_code, answer.json()) == (200, made)


async def test_a_paused_budget_refuses_nothing_and_goes_on_counting(api: Running, redis_url: str) -> None:
    made = await created(api)
    paused = (await api.client.patch(f"{BUDGETS}/{made['id']}", json={"paused": True})).json()
    assert paused["paused"] is True
    [budget] = (await known(api.log, api.org_id, made["id"], 2)).applying(api.org_id, CALL)
    assert budget.paused
    status = (await api.client.get(f"{BUDGETS}/{made['id']}/status")).json()
    assert status["state"] == "paused"
    slot = budgets_slot(api.org_id, api.partitions)
    async with Redis.from_url(redis_url) as redis:
        await redis.hset(slot.entity(api.org_id), f"org|{status['window']}", "100000")
    assert (await api.client.get(f"{BUDGETS}/{made['id']}/status")).json()["spent_usd"] == "0.0001"
    await api.client.patch(f"{BUDGETS}/{made['id']}", json={"paused": False})
    assert (await api.client.get(f"{BUDGETS}/{made['id']}/status")).json()["state"] == "exhausted"
    [budget] = (await known(api.log, api.org_id, made["id"], 3)).applying(api.org_id, CALL)
    assert not budget.paused


async def test_a_deleted_budget_is_gone_for_every_worker_and_its_name_is_free(api: Running) -> None:
    made = await created(api)
    assert (await api.client.delete(f"{BUDGETS}/{made['id']}")).status_code == 204
    assert (await known(api.log, api.org_id, made["id"], 2)).of_org(api.org_id) == []
    for request in (api.client.get, api.client.delete):
        answer = await request(f"{BUDGETS}/{made['id']}")
        assert (answer.status_code, made["id"] in answer.json()["detail"]) == (404, True)
    assert (await api.client.patch(f"{BUDGETS}/{made['id']}", json={"limit_usd": 1})).status_code == 404
    assert (await api.client.get(BUDGETS)).json()["budgets"] == []
    again = await created(api, limit_usd="100")
    assert again["id"] != made["id"]


async def test_a_change_of_an_older_version_is_a_conflict(api: Running) -> None:
    made = await created(api)
    url = f"{BUDGETS}/{made['id']}"
    assert (await api.client.patch(url, json={"limit_usd": 1, "version": 1})).status_code == 200
    answer = await api.client.patch(url, json={"limit_usd": 2, "version": 1})
    assert answer.status_code == 409
    assert "read it again" in answer.json()["detail"]
    assert (await api.client.get(url)).json()["limit_usd"] == "1"


async def test_changes_at_once_get_a_version_each(api: Running) -> None:
    made = await created(api)
    url = f"{BUDGETS}/{made['id']}"
    answers = await asyncio.gather(*(api.client.patch(url, json={"limit_usd": n}) for n in range(1, 6)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"scope": "org"}, "create another budget"),
        ({"period": "month", "limit_usd": 1}, "create another budget"),
        ({"limit_usd": 1, "limit_cents": 1}, "either"),
        ({"limit_usd": None}, "cannot be null"),
        ({"limit_usd": -1}, "limit_usd"),
        ({"paused": "yes"}, "paused"),
        ({"limit": 1}, "limit"),
    ],
)
async def test_a_bad_change_is_refused(api: Running, body: dict[str, Any], word: str) -> None:
    made = await created(api)
    answer = await api.client.patch(f"{BUDGETS}/{made['id']}", json=body)
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["detail"]
    assert (await api.client.get(f"{BUDGETS}/{made['id']}")).json() == made


async def test_a_name_of_another_budget_is_refused(api: Running) -> None:
    made, other = await created(api), await created(api, name="other")
    answer = await api.client.patch(f"{BUDGETS}/{made['id']}", json={"name": other["name"]})
    assert answer.status_code == 409
    assert "give another name" in answer.json()["detail"]


async def test_another_organisation_changes_nothing(api: Running) -> None:
    made = await created(api)
    new = await api.client.post("/api/v1/organisations", json={"id": f"{api.org_id}-2", "name": "Other"})
    async with api.as_key(new.json()["key"]["key"]) as stranger:
        assert (await stranger.patch(f"{BUDGETS}/{made['id']}", json={"limit_usd": 1})).status_code == 404
        assert (await stranger.delete(f"{BUDGETS}/{made['id']}")).status_code == 404
    assert (await api.client.get(f"{BUDGETS}/{made['id']}")).json() == made


async def test_every_field_of_a_budget_is_stored_and_told_to_workers_and_to_the_fold(api: Running) -> None:
    body = {
        "name": "everything",
        "scope": "tag",
        "target": "team=research",
        "period": "week",
        "timezone": "Europe/Berlin",
        "week_start": "sunday",
        "limit_usd": "1000000000.000000001",
        "soft_limit_usd": "5",
        "on_exceeded": "step_down",
        "thresholds": [80, 100],
    }
    made = await created(api, **body)
    assert {name: made[name] for name in body} == body
    assert (await api.client.post(BUDGETS, json=body)).status_code == 200, "the same again"
    assert (await api.client.post(BUDGETS, json=body | {"week_start": "monday"})).status_code == 409
    [budget] = (await known(api.log, api.org_id, made["id"], 1)).of_org(api.org_id)
    # Budgets of a test before may be published late, and to this log.
    defined = [one for one in api.log.decoded(COST_EVENTS) if isinstance(one, BudgetDefined)]
    [told] = [one for one in defined if one.budget_id == made["id"]]
    for name in ("name", "scope", "target", "period", "timezone", "week_start", "limit_nano", "soft_limit_nano"):
        assert getattr(told, name) == getattr(budget, name)
    assert (told.limit_nano, told.version, told.thresholds) == (10**18 + 1, 1, [80, 100])
    status = (await api.client.get(f"{BUDGETS}/{made['id']}/status")).json()
    assert status["window"].startswith("week:")
    assert (status["remaining_usd"], status["counted_since"]) == ("1000000000.000000001", None)


async def test_a_change_and_a_deletion_are_told_to_the_fold(api: Running) -> None:
    made = await created(api)
    changes = {"soft_limit_usd": "0.00005", "on_exceeded": "alert", "thresholds": []}
    changed = (await api.client.patch(f"{BUDGETS}/{made['id']}", json=changes)).json()
    assert {name: changed[name] for name in changes} == changes
    assert (await api.client.patch(f"{BUDGETS}/{made['id']}", json={"soft_limit_usd": None})).json()[
        "soft_limit_usd"
    ] is None
    refused = await api.client.patch(f"{BUDGETS}/{made['id']}", json={"timezone": "UTC"})
    assert (refused.status_code, "timezone cannot change" in refused.text) == (422, True)
    await api.client.delete(f"{BUDGETS}/{made['id']}")
    await known(api.log, api.org_id, made["id"], 4)
    told = [one for one in api.log.decoded(COST_EVENTS) if one.budget_id == made["id"]]
    assert [one.version for one in told if isinstance(one, BudgetDefined)] == [1, 2, 3]
    assert isinstance(told[-1], BudgetRemoved)
