"""Organisations and projects over HTTP, and what keys of projects and keys with scopes see and change."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from schemas.budgets import PROJECT_TAG
from tests.support.api import INPUTS, PROMPT, SUBMISSION, WORKFLOW, Running, unique
from tests.support.history import view_of, write_views
from topics.catalogue import RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
PROJECTS = "/api/v1/projects"
BUDGET = {"period": "day", "limit_usd": "1", "allow_unknown": True}


async def key(api: Running, **fields: Any) -> str:
    body = {"name": "some", "permissions": ["read", "write", "admin"], **fields}
    answer = await api.client.post("/api/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["key"]
    return found


async def as_project(api: Running, project: str, **fields: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    await api.client.post(PROJECTS, json={"id": project})
    return api.as_key(await key(api, project=project, **fields))


@pytest.fixture
async def defined(api: Running) -> Running:
    """An API with the workflows ``greeting`` and ``other``."""
    await api.define_greeting()
    (await api.client.post("/api/v1/workflows", json=WORKFLOW | {"name": "other"})).raise_for_status()
    return api


async def submitted(api: Running, client: httpx.AsyncClient, **fields: Any) -> str:
    """Submit a run and write its view, as the orchestrator and the history role do."""
    answer = await client.post(RUNS, json=SUBMISSION | fields)
    assert answer.status_code == 202, answer.text
    await write_views(api.postgres_dsn, view_of(api.log.decoded(RUN_EVENTS)[-1], "running"))
    found: str = answer.json()["id"]
    return found


async def test_project_is_made_listed_renamed_archived_and_restored(api: Running) -> None:
    body = {"id": "search", "name": "Search"}
    assert [(await api.client.post(PROJECTS, json=body)).status_code for _ in range(2)] == [201, 200]
    assert (await api.client.post(PROJECTS, json=body | {"name": "Else"})).status_code == 409
    one = f"{PROJECTS}/search"
    assert (await api.client.patch(one, json={"name": "Find"})).json()["name"] == "Find"
    archived = (await api.client.patch(one, json={"archived": True})).json()
    assert (archived["archived"], archived["name"], archived["archived_at"] is None) == (True, "Find", False)
    assert (await api.client.get(PROJECTS)).json()["projects"] == []
    assert [p["id"] for p in (await api.client.get(f"{PROJECTS}?archived=true")).json()["projects"]] == ["search"]
    assert (await api.client.patch(one, json={"archived": False})).json()["archived"] is False
    assert (await api.client.get(one)).json()["id"] == "search"
    assert (await api.client.get(f"{PROJECTS}/none")).status_code == 404


async def test_key_of_an_unknown_project_is_refused(api: Running) -> None:
    answer = await api.client.post("/api/v1/keys", json={"name": "x", "project": "none"})
    assert (answer.status_code, "there is no project none" in answer.json()["detail"]) == (404, True)


async def test_submission_carries_the_project_of_its_key(defined: Running) -> None:
    async with await as_project(defined, "search") as client:
        run = await submitted(defined, client)
        assert defined.log.decoded(RUN_EVENTS)[-1].tags[PROJECT_TAG] == "search"
        assert (await client.get(f"{RUNS}/{run}")).json()["project"] == "search"
        named = await client.post(RUNS, json=SUBMISSION | {"project": "else"})
    assert (named.status_code, named.json()["type"]) == (403, "urn:agentflow:problem:forbidden")


async def test_key_of_a_project_sees_and_changes_its_own_runs_only(defined: Running) -> None:
    async with await as_project(defined, "a") as one, await as_project(defined, "b") as other:
        own, foreign = await submitted(defined, one), await submitted(defined, other)
        plain = await submitted(defined, defined.client)
        assert [r["id"] for r in (await one.get(RUNS)).json()["runs"]] == [own]
        assert (await one.get(f"{RUNS}?project=b")).status_code == 403
        for run in (foreign, plain):
            found = [
                (await one.request(method, f"{RUNS}/{run}{path}", json=body)).status_code
                for method, path, body in (
                    ("GET", "", None),
                    ("GET", "/steps", None),
                    ("GET", "/events", None),
                    ("GET", "/waiting", None),
                    ("POST", "/cancel", None),
                    ("POST", "/restart", None),
                    ("POST", "/fork", {"inputs": INPUTS}),
                    ("POST", "/signals/go", {}),
                )
            ]
            assert found == [404] * len(found)
        many = (await one.post(f"{RUNS}/waiting", json={"ids": [own, foreign]})).json()
        assert ([r["id"] for r in many["runs"]], many["unknown"]) == ([own], [foreign])
        bulk = (await one.post(f"{RUNS}/bulk", json={"action": "cancel"})).json()
        assert (bulk["ids"], bulk["total"]) == ([own], 1)
        assert (await one.post(f"{RUNS}/{own}/cancel")).status_code == 202
    listed = (await defined.client.get(f"{RUNS}?project=b")).json()["runs"]
    assert [(r["id"], r["project"]) for r in listed] == [(foreign, "b")]


async def test_key_of_an_archived_project_only_reads(defined: Running) -> None:
    async with await as_project(defined, "old") as client:
        assert (await client.get(RUNS)).status_code == 200
        await defined.client.patch(f"{PROJECTS}/old", json={"archived": True})
        assert (await client.get(RUNS)).status_code == 200
        refused = await client.post(RUNS, json=SUBMISSION)
    assert (refused.status_code, "archived" in refused.json()["detail"]) == (403, True)


async def test_admin_of_a_project_manages_its_keys_only(api: Running) -> None:
    async with await as_project(api, "a") as one:
        made = (await one.post("/api/v1/keys", json={"name": "mine"})).json()
        assert made["project"] == "a"
        assert (await one.post("/api/v1/keys", json={"name": "x", "project": "b"})).status_code == 403
        assert {k["project"] for k in (await one.get("/api/v1/keys")).json()["keys"]} == {"a"}
        plain = (await api.client.post("/api/v1/keys", json={"name": "plain"})).json()["id"]
        for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/rotate"), ("DELETE", "")):
            body = {} if method == "PATCH" else None
            assert (await one.request(method, f"/api/v1/keys/{plain}{path}", json=body)).status_code == 404
    listed = (await api.client.get("/api/v1/keys?project=a")).json()["keys"]
    assert {k["name"] for k in listed} == {"some", "mine"}


async def test_key_of_a_project_has_budgets_of_its_own_only(api: Running) -> None:
    async with await as_project(api, "a") as one:
        mine = await one.post("/api/v1/budgets", json=BUDGET | {"scope": "project", "target": "a"})
        assert mine.status_code == 201, mine.text
        assert (await one.post("/api/v1/budgets", json=BUDGET | {"scope": "org"})).status_code == 403
        assert (await one.post("/api/v1/budgets", json=BUDGET | {"scope": "project", "target": "b"})).status_code == 403
        plain = (await api.client.post("/api/v1/budgets", json=BUDGET | {"scope": "org"})).json()["id"]
        assert [b["id"] for b in (await one.get("/api/v1/budgets")).json()["budgets"]] == [mine.json()["id"]]
        for method, path in (("GET", ""), ("GET", "/status"), ("GET", "/forecast"), ("PATCH", ""), ("DELETE", "")):
            body = {"name": "x"} if method == "PATCH" else None
            assert (await one.request(method, f"/api/v1/budgets/{plain}{path}", json=body)).status_code == 404
    listed = (await api.client.get("/api/v1/budgets?project=a")).json()["budgets"]
    assert [b["id"] for b in listed] == [mine.json()["id"]]


async def test_scoped_key_sees_and_submits_what_it_names(defined: Running) -> None:
    async with defined.as_key(await key(defined, scopes=["workflow:gr*"])) as client:
        own = await submitted(defined, client)
        other = await submitted(defined, defined.client, workflow_name="other")
        assert [r["id"] for r in (await client.get(RUNS)).json()["runs"]] == [own]
        assert [w["name"] for w in (await client.get("/api/v1/workflows")).json()["workflows"]] == ["greeting"]
        assert (await client.get("/api/v1/workflows/other")).status_code == 403
        assert (await client.get(f"{RUNS}/{other}")).status_code == 404
        assert (await client.post(RUNS, json=SUBMISSION | {"workflow_name": "other"})).status_code == 403
        assert (
            await client.post(f"{RUNS}?dry_run=true", json=SUBMISSION | {"workflow_name": "none"})
        ).status_code == 403
        for path in ("/api/v1/budgets", "/api/v1/limits", "/api/v1/prompts", "/api/v1/keys", "/api/v1/workers"):
            assert (await client.get(path)).status_code == 403
        assert (await client.get("/api/v1/tools")).status_code == 200


async def test_scoped_key_registers_workflows_that_name_nothing_else(defined: Running) -> None:
    new = WORKFLOW | {"name": "greeting", "version": 2}
    child = {"id": "child", "type": "workflow", "config": {"workflow": "other"}}
    starts = {"name": "greeting", "version": 3, "dag": {"nodes": [child], "edges": []}}
    async with defined.as_key(await key(defined, scopes=["workflow:greeting"])) as client:
        assert (await client.post("/api/v1/workflows", json=new)).status_code == 403  # it names a prompt
        assert (await client.post("/api/v1/workflows", json=starts)).status_code == 403
    async with defined.as_key(await key(defined, scopes=["workflow:greeting", "prompt:greeter"])) as client:
        registered = await client.post("/api/v1/workflows", json=new)
        assert registered.status_code == 201, registered.text
        assert (await client.post("/api/v1/workflows", json=starts)).status_code == 403
        assert (await client.post("/api/v1/workflows", json=new | {"name": "else"})).status_code == 403


async def test_key_with_a_prompt_scope_sees_its_prompts_only(defined: Running) -> None:
    other = {"name": "other", "template": "x"}
    (await defined.client.post("/api/v1/prompts", json=other)).raise_for_status()
    async with defined.as_key(await key(defined, scopes=["prompt:greeter"])) as client:
        assert [p["name"] for p in (await client.get("/api/v1/prompts")).json()["prompts"]] == ["greeter"]
        assert (await client.get("/api/v1/prompts/other")).status_code == 403
        assert (await client.post("/api/v1/prompts", json=other | {"template": "y"})).status_code == 403
        assert (await client.post("/api/v1/prompts", json=PROMPT)).status_code == 200
        assert (await client.get(RUNS)).status_code == 403


async def test_scoped_key_schedules_what_it_names(defined: Running) -> None:
    schedule = {"interval_s": 3600, "paused": True, "inputs": INPUTS}
    foreign = (
        await defined.client.post("/api/v1/schedules", json=schedule | {"name": "o", "workflow_name": "other"})
    ).json()["id"]
    async with defined.as_key(await key(defined, scopes=["workflow:greeting"])) as client:
        own = await client.post("/api/v1/schedules", json=schedule | {"name": "g", "workflow_name": "greeting"})
        assert own.status_code == 201, own.text
        assert [s["id"] for s in (await client.get("/api/v1/schedules")).json()["schedules"]] == [own.json()["id"]]
        refused = await client.post("/api/v1/schedules", json=schedule | {"name": "x", "workflow_name": "other"})
        moved = await client.patch(f"/api/v1/schedules/{own.json()['id']}", json={"workflow_name": "other"})
        assert (refused.status_code, moved.status_code) == (403, 403)
        assert (await client.get(f"/api/v1/schedules/{foreign}")).status_code == 404
        assert (await client.delete(f"/api/v1/schedules/{foreign}")).status_code == 404


async def test_key_of_a_project_schedules_for_it_alone(defined: Running) -> None:
    schedule = {"interval_s": 3600, "paused": True, "inputs": INPUTS, "workflow_name": "greeting"}
    whole = (await defined.client.post("/api/v1/schedules", json=schedule | {"name": "whole"})).json()["id"]
    project = unique("team")
    (await defined.client.post("/api/v1/projects", json={"id": project})).raise_for_status()
    async with defined.as_key(await key(defined, project=project)) as client:
        made = (await client.post("/api/v1/schedules", json=schedule | {"name": "team"})).json()
        assert made["project"] == project, "its runs spend for the project"
        assert [one["id"] for one in (await client.get("/api/v1/schedules")).json()["schedules"]] == [made["id"]]
        path = f"/api/v1/schedules/{made['id']}"
        for elsewhere in (None, "other"):
            assert (await client.patch(path, json={"project": elsewhere})).status_code == 403
            assert (
                elsewhere is None
                or (
                    await client.post("/api/v1/schedules", json=schedule | {"name": "x", "project": elsewhere})
                ).status_code
                == 403
            )
        assert (await client.patch(path, json={"catchup": "none"})).json()["project"] == project
        for method in ("GET", "PATCH", "DELETE"):
            body = {"name": "x"} if method == "PATCH" else None
            assert (await client.request(method, f"/api/v1/schedules/{whole}", json=body)).status_code == 404
    listed = (await defined.client.get("/api/v1/schedules", params={"project": project})).json()["schedules"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_organisations_are_listed_and_renamed_by_the_bootstrap_key_only(api: Running) -> None:
    org = unique("org")
    made = (await api.client.post("/api/v1/organisations", json={"id": org, "name": "Old"})).json()
    path = f"/api/v1/organisations/{org}"
    assert (await api.client.patch(path, json={"name": "New"})).json()["name"] == "New"
    listed = (await api.client.get("/api/v1/organisations")).json()["organisations"]
    assert {"id": org, "name": "New"}.items() <= next(one for one in listed if one["id"] == org).items()
    assert (await api.client.get("/api/v1/organisations/none")).status_code == 404
    async with api.as_key(made["key"]["key"]) as client:
        for method, where in (("GET", path), ("PATCH", path), ("GET", "/api/v1/organisations")):
            body = {"name": "x"} if method == "PATCH" else None
            assert (await client.request(method, where, json=body)).status_code == 403


async def test_an_inline_prompt_adds_no_version_to_a_name_of_another_project(api: Running) -> None:
    node = {"id": "ask", "type": "llm", "config": {"prompt": "Mine"}}
    body = {"name": "inlined", "version": 1, "dag": {"nodes": [node], "edges": []}}
    async with await as_project(api, "a") as one, await as_project(api, "b") as other:
        theirs = await other.post("/api/v1/prompts", json={"name": "inlined.ask", "template": "Theirs", "project": "b"})
        assert theirs.status_code == 201, theirs.text
        refused = await one.post("/api/v1/workflows", json=body)
        assert (refused.status_code, "another project" in refused.text) == (409, True)
        assert (await other.get("/api/v1/prompts/inlined.ask")).json()["version"] == 1
