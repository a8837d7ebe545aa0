"""The judge of the requests between organisations finds what is planted in an answer."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.tenancy.crossing import Crossing, crossings
from tests.tenancy.judge import Judge, leak_of
from tests.tenancy.planted import Tenant

ID = "5f0c2b1a-9d7e-4c3b-8a6f-0123456789ab"
MISSING = '{"status":404,"detail":"there is no run %s","instance":"/x"}'


def tenants() -> list[Tenant]:
    made = [Tenant(f"zq{n}{n}{n}{n}", f"zq{n}{n}{n}{n}-org", httpx.AsyncClient()) for n in range(2)]
    for one in made:
        for name in ("workflow", "prompt", "idempotency-key", "dataset", "tag"):
            one.have(name, one.name(name))
    made[1].have("run_id", ID)
    return made


ABOUT = Crossing("GET /runs/{run_id}", 0, 1, "GET", f"/runs/{ID}", names_thing=True, twin="/runs/nobodys-run")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"items":[]}', None),
        ('{"id":"zq0000_flow","secret":"zq0000-secret-1"}', None),
        ('{"id":"zq1111_flow"}', "zq1111_flow"),
        ('{"error":"no object zq1111-secret-7 is there"}', "zq1111-secret-7"),
        (f'{{"id":"{ID}"}}', ID),
    ],
)
def test_whatever_is_of_another_organisation_is_found_unless_the_request_said_it(text: str, shown: str | None):
    judge = Judge(tenants())
    assert judge.shown(0, text, "") == shown
    assert judge.shown(0, text, f"GET /runs/{ID}?workflow=zq1111_flow") == (
        shown if shown and "secret" in shown else None
    )


def test_a_name_that_was_said_does_not_hide_a_secret_beside_it():
    assert Judge(tenants()).shown(0, "zq1111_flow zq1111-secret-2", "zq1111_flow") == "zq1111-secret-2"


@pytest.mark.parametrize(
    ("status", "text", "twin_status", "twin", "found"),
    [
        (404, MISSING % ID, 404, MISSING % "nobodys-run", None),
        (200, "{}", 404, MISSING % "nobodys-run", "200 about another's thing"),
        (403, MISSING % ID, 404, MISSING % "nobodys-run", "says that it exists"),
        (404, '{"status":404,"detail":"run is not yours"}', 404, MISSING % "nobodys-run", "says that it exists"),
    ],
)
async def test_an_answer_about_another_ones_thing_is_that_of_a_thing_that_is_not_there(
    status: int, text: str, twin_status: int, twin: str, found: str | None
):
    async def asked(url: str) -> httpx.Response:
        assert url == ABOUT.twin
        return httpx.Response(twin_status, text=twin)

    leak = await leak_of(Judge(tenants()), ABOUT, httpx.Response(status, text=text), asked)
    assert leak is None if found is None else found in str(leak)


async def test_a_header_shows_too():
    answer = httpx.Response(404, headers={"location": "/runs/zq1111_flow"}, text="{}")
    leak = await leak_of(Judge(tenants()), replace(ABOUT, names_thing=False), answer, None)
    assert leak == "404 shows zq1111_flow"


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/api/v1/workflows/runs/{run_id}": {"get": {"parameters": [{"name": "run_id", "in": "path"}]}},
        "/api/v1/workflows/runs": {
            "get": {
                "parameters": [
                    {"name": name, "in": "query", "schema": {"type": "string"}}
                    for name in ("workflow", "prompt", "tag")
                ]
            }
        },
        "/api/v1/keys": {"post": {}},
    }
}


def test_requests_are_different_and_each_names_what_another_organisation_has():
    both = tenants()
    both[0].have("run_id", ID[::-1])
    made = list(crossings(DOCUMENT, both, 500))
    assert len(made) == len(set(made)) < 500, "there are no more different ones"
    assert {one.operation for one in made} == {"GET /workflows/runs/{run_id}", "GET /workflows/runs"}
    for one in made:
        assert one.asker != one.owner
        assert one.names_thing is ("{run_id}" in one.operation)
        assert both[one.asker].mark not in one.said
    by_id = [one for one in made if one.names_thing]
    assert all(one.twin and ID not in one.twin and one.twin != one.url for one in by_id)


def test_a_parameter_that_names_nothing_of_anybody_is_an_error():
    document = {"paths": {"/api/v1/new/{thing_id}": {"get": {"parameters": [{"name": "thing_id", "in": "path"}]}}}}
    with pytest.raises(AssertionError, match="thing_id"):
        list(crossings(document, tenants(), 1))
