"""Query parameters: what a route does not declare is refused, on every route."""

import pytest
from fastapi.routing import APIRoute

from api.routers.list import ROUTERS
from tests.support.api import Running

RUNS = "/api/v1/workflows/runs"
GUARDED = sorted(
    {
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path.startswith("/api/")
    }
)


@pytest.mark.parametrize("path", GUARDED)
async def test_every_get_route_refuses_a_parameter_that_it_does_not_declare(api: Running, path: str) -> None:
    filled = path.replace("{", "x-").replace("}", "")
    answer = await api.client.get(filled, params={"surprise": "1"})
    assert answer.status_code == 422, answer.text
    (problem,) = (p for p in answer.json()["problems"] if p["path"] == "query.surprise")
    assert problem["message"] == "the parameter `surprise` is unknown"
    assert problem["fix"]


@pytest.mark.parametrize(
    ("query", "fix"), [("Status=failed", "did you mean 'status'?"), ("limt=3", "did you mean 'limit'?")]
)
async def test_a_misspelt_filter_is_refused_with_the_nearest_one(api: Running, query: str, fix: str) -> None:
    answer = await api.client.get(f"{RUNS}?{query}")
    assert (answer.status_code, answer.json()["problems"][0]["fix"]) == (422, fix)


async def test_a_submission_refuses_unknown_parameters_before_it_is_accepted(api: Running) -> None:
    await api.define_greeting()
    body = {"workflow_name": "greeting", "inputs": {"name": "Ada", "language": "French"}}
    answer = await api.client.post(f"{RUNS}?wait=true", json=body)
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "query.wait")
    assert api.log.decoded("run-events") == []


async def test_an_unknown_key_is_401_whatever_the_parameters(api: Running) -> None:
    async with api.as_key(None) as nobody:
        assert (await nobody.get(f"{RUNS}?surprise=1")).status_code == 401


async def test_until_bounds_the_list_of_runs(api: Running) -> None:
    for query in ("until=1h", "since=2h&until=2026-11-22T17:00:00Z"):
        answer = await api.client.get(f"{RUNS}?{query}")
        assert (answer.status_code, answer.json()["runs"]) == (200, []), answer.text
    assert (await api.client.get(f"{RUNS}?until=soon")).json()["problems"][0]["path"] == "query.until"


async def test_limit_has_one_maximum_everywhere(api: Running) -> None:
    document = api.app.openapi()
    limits = [
        parameter["schema"]["maximum"]
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "limit"
    ]
    limits.append(document["components"]["schemas"]["BulkRuns"]["properties"]["limit"]["maximum"])
    assert len(limits) >= 3
    assert set(limits) == {1_000}
