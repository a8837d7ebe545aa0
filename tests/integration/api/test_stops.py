"""Stops over HTTP: they reach every worker by the definitions, and who made and resumed them is kept."""

import asyncio
from typing import Any

import pytest

from schemas.records.definitions import Definition
from services.budgets.stops import StopDefinitions
from tests.support.api import DEADLINE_S, Running
from topics.catalogue import DEFINITIONS

STOPS = "/api/v1/stops"


async def known(api: Running, stop_id: str, count: int) -> StopDefinitions:
    """Wait for so many definitions of a stop; return what a worker knows then."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            told = [one for one in api.log.decoded(DEFINITIONS) if isinstance(one, Definition) and one.id == stop_id]
            if len(told) >= count:
                break
            await asyncio.sleep(0.01)
    stops = StopDefinitions()
    for one in told:
        stops.apply(one)
    stops.mark_loaded()
    return stops


async def test_a_stop_is_in_force_until_it_is_resumed(api: Running) -> None:
    body = {"scope": "provider", "target": "openai", "mode": "pause", "reason": "an outage"}
    answer = await api.client.post(STOPS, json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert {name: made[name] for name in body} == body
    assert made["created_by"].startswith("bootstrap-")
    stop = (await known(api, made["id"], 1)).applying(api.org_id, "flow", "openai", "gpt-4o")
    assert stop is not None
    assert (stop.mode, stop.reason) == ("pause", "an outage")
    assert (await api.client.get(STOPS)).json()["stops"] == [made]
    resumed = (await api.client.delete(f"{STOPS}/{made['id']}")).json()
    assert resumed["resumed_by"] == made["created_by"]
    assert (await known(api, made["id"], 2)).applying(api.org_id, "flow", "openai", "gpt-4o") is None
    assert (await api.client.get(STOPS)).json()["stops"] == []
    assert (await api.client.get(STOPS, params={"resumed": True})).json()["stops"] == [resumed]
    assert (await api.client.delete(f"{STOPS}/{made['id']}")).json() == resumed


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "x", "scope": "workflow"},
        {"reason": "x", "target": "flow"},
        {"reason": "x", "scope": "provider", "target": "nobody"},
        {"reason": "x", "scope": "user", "target": "ada"},
    ],
)
async def test_a_stop_of_nothing_is_refused(api: Running, body: dict[str, Any]) -> None:
    assert (await api.client.post(STOPS, json=body)).status_code == 422


async def test_an_unknown_stop_is_404(api: Running) -> None:
    assert (await api.client.delete(f"{STOPS}/stop_none")).status_code == 404
