"""Workflows, prompts and budgets over HTTP, and their way to the ``definitions`` topic."""

import asyncio
import copy
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis

from connectors.redis.keys import budgets_slot
from schemas.budgets import Budget, spend_field
from schemas.settings import Settings
from tests.support.api import (
    DEADLINE_S,
    PROMPT,
    WORKFLOW,
    MemoryLog,
    Running,
    running,
    until_authenticated,
)
from topics.catalogue import DEFINITIONS

WORKFLOWS, PROMPTS, BUDGETS = "/api/v1/workflows", "/api/v1/prompts", "/api/v1/budgets"


WRONG_ARGUMENT = {"id": "merge", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"kee": "x"}}}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the workflow with one place changed."""
    document = copy.deepcopy(WORKFLOW)
    *parts, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    here: Any = document
    for part in parts:
        here = here[part]
    here[last] = value
    return document


async def published(log: MemoryLog, key: str) -> Any:
    """Wait until a definition is on the topic and return it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = [r for r in log.decoded(DEFINITIONS) if r.key == key]
            if found:
                return found[-1]
            await asyncio.sleep(0.02)


async def test_a_workflow_version_is_immutable(api: Running) -> None:
    await api.client.post(PROMPTS, json=PROMPT)
    first = await api.client.post(WORKFLOWS, json=WORKFLOW)
    assert first.status_code == 201, first.text
    assert first.json()["required_inputs"] == ["language", "name"]
    again = await api.client.post(
        WORKFLOWS, content=yaml.safe_dump(WORKFLOW), headers={"Content-Type": "application/yaml"}
    )
    assert (again.status_code, again.json()) == (200, first.json())
    other = await api.client.post(WORKFLOWS, json=WORKFLOW | {"description": "another"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:agentflow:problem:conflict")
    assert (await api.client.post(WORKFLOWS, json=WORKFLOW | {"version": 2})).status_code == 201
    found = (await api.client.get(f"{WORKFLOWS}/greeting")).json()
    assert (found["version"], found["spec"]) == (2, WORKFLOW | {"version": 2})
    assert (await api.client.get(f"{WORKFLOWS}/greeting?version=1")).json() == first.json()
    assert (await api.client.get(f"{WORKFLOWS}/greeting?version=3")).status_code == 404
    (line,) = (await api.client.get(WORKFLOWS)).json()["workflows"]
    assert (line["name"], line["version"], line["versions"]) == ("greeting", 2, 2)
    org = api.org_id
    assert (await published(api.log, f"workflow:{org}:greeting:2")).body == WORKFLOW | {"version": 2}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (changed("dag.nodes.0.config.prompt_ref", "greeter@9"), "dag.nodes[0].config.prompt_ref"),
        (changed("dag.nodes.1.config.function_name", "nothing"), "dag.nodes[1].config.function_name"),
        (
            changed("dag.nodes.1", WRONG_ARGUMENT),
            "dag.nodes[1].config.tool_args.kee",
        ),
        (changed("dag.edges.0.to", "nowhere"), "dag.edges[0].to"),
        (changed("dag.nodes.1.id", "greet"), "dag.nodes[1].id"),
        (changed("name", "runs"), "name"),
        (changed("dag.nodes.0.surprise", 1), "dag.nodes[0].surprise"),
    ],
)
async def test_a_bad_workflow_is_refused_with_its_path(api: Running, document: dict[str, Any], path: str) -> None:
    await api.client.post(PROMPTS, json=PROMPT)
    answer = await api.client.post(WORKFLOWS, json=document)
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["type"] == "urn:agentflow:problem:invalid-spec"
    assert path in [p["path"] for p in body["problems"]], body
    assert all(p["fix"] for p in body["problems"] if p["path"] == path)
    assert (await api.client.get(WORKFLOWS)).json()["workflows"] == []


@pytest.mark.parametrize("body", [b"\xff", b"", b"name: [", b'{"name": "a", "name": "b"}', b"- 1"])
async def test_a_body_that_is_no_document_is_422(api: Running, body: bytes) -> None:
    answer = await api.client.post(WORKFLOWS, content=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_text_that_cannot_be_stored_is_refused_but_its_escape_is_not(api: Running) -> None:
    refused = await api.client.post(WORKFLOWS, json=changed("description", "") | {"description": "a\0b"})
    assert refused.status_code == 422
    await api.client.post(PROMPTS, json=PROMPT)
    kept = await api.client.post(WORKFLOWS, json=WORKFLOW | {"description": "the text \\u0000"})
    assert (kept.status_code, kept.json()["spec"]["description"]) == (201, "the text \\u0000")


async def test_prompts_are_numbered_and_immutable(api: Running) -> None:
    async def create(**fields: Any) -> Any:
        return await api.client.post(PROMPTS, json={"name": "p", **fields})

    first = await create(template="one", schema={"content": {"type": "string"}})
    assert (first.status_code, first.json()["id"]) == (201, "p@1")
    assert first.json()["schema"] == {"content": {"type": "string"}}
    again = await create(template="one", schema={"content": {"type": "string"}})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (await create(template="three", version=3)).json()["id"] == "p@3"
    assert (await create(template="three", version=3)).status_code == 200
    assert (await create(template="other", version=3)).status_code == 409
    assert (await create(template="four")).json()["version"] == 4
    assert (await api.client.get(f"{PROMPTS}/p")).json()["template"] == "four"
    assert (await api.client.get(f"{PROMPTS}/p?version=1")).json()["template"] == "one"
    assert (await api.client.get(f"{PROMPTS}/p?version=2")).status_code == 404
    (line,) = (await api.client.get(PROMPTS)).json()["prompts"]
    assert (line["version"], line["versions"]) == (4, 3)
    org = api.org_id
    assert (await published(api.log, f"prompt:{org}:p:3")).body["template"] == "three"


async def test_prompts_are_taken_as_yaml(api: Running) -> None:
    async def create(body: bytes, kind: str = "application/yaml") -> Any:
        return await api.client.post(PROMPTS, content=body, headers={"content-type": kind})

    text = b"name: p\nversion: 2\ntemplate: |\n  Say {{.word}}\n"
    made = await create(text)
    assert (made.status_code, made.json()["template"]) == (201, "Say {{.word}}\n")
    # The type that `curl --data-binary` gives by itself.
    assert (await create(text, "application/x-www-form-urlencoded")).status_code == 200
    for body, kind, status, words in (
        (b"name: [", "application/yaml", 422, "not YAML at line"),
        (b"- 1", "application/yaml", 422, "the document is a list"),
        (b"name: p\n", "application/yaml", 422, "template"),
        (b'{"name": "p" "template": "x"}', "application/yaml", 422, "not JSON at line 1"),
        (b'{"name": "p" "template": "x"}', "application/json", 400, "the body is not valid JSON"),
    ):
        refused = await create(body, kind)
        assert (refused.status_code, words in refused.text) == (status, True), refused.text


async def test_prompts_made_at_once_get_one_number_each(api: Running) -> None:
    answers = await asyncio.gather(
        *(api.client.post(PROMPTS, json={"name": "race", "template": f"text {n}"}) for n in range(8))
    )
    assert sorted(a.json()["version"] for a in answers) == list(range(1, 9))


async def test_budgets_and_where_they_stand(api: Running, redis_url: str) -> None:
    made = await api.client.post(BUDGETS, json={"limit_cents": 1000, "period": "monthly"})
    assert made.status_code == 201, made.text
    budget = made.json()
    assert (budget["period"], budget["limit_cents"], budget["limit_usd"]) == ("month", "1000", "10")
    again = await api.client.post(BUDGETS, json={"limit_usd": "10.00", "period": "month"})
    assert (again.status_code, again.json()["id"]) == (200, budget["id"])
    assert (await api.client.post(BUDGETS, json={"limit_cents": 1, "period": "month"})).status_code == 409
    listed = (await api.client.get(BUDGETS)).json()["budgets"]
    assert listed == [budget]
    assert (await api.client.get(f"{BUDGETS}/{budget['id']}")).json() == budget
    org = api.org_id
    definition = await published(api.log, f"budget:{org}:{budget['id']}:1")
    assert Budget.model_validate(definition.body).limit_nano == 10_000_000_000

    fresh = (await api.client.get(f"{BUDGETS}/{budget['id']}/status")).json()
    assert (fresh["spent_usd"], fresh["held_usd"], fresh["remaining_usd"], fresh["state"]) == ("0", "0", "10", "open")
    slot = budgets_slot(org, api.partitions)
    field = spend_field("org", "total", 0).replace("total", fresh["window"])
    async with Redis.from_url(redis_url) as redis:
        await redis.hset(slot.entity(org), field, "9000000001")
        await redis.hset(slot.held(org), field, "999999999")
    spent = (await api.client.get(f"{BUDGETS}/{budget['id']}/status")).json()
    assert (spent["spent_usd"], spent["held_cents"]) == ("9.000000001", "99.9999999")
    assert (spent["remaining_cents"], spent["state"]) == ("0", "exhausted")
    assert spent["next_window_at"].endswith("-01T00:00:00.000Z")
    assert (await api.client.get(f"{BUDGETS}/unknown/status")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"limit_cents": 1, "limit_usd": 1},
        {"limit_cents": -1},
        {"limit_cents": 1, "scope": "workflow"},
        {"limit_cents": 1, "target": "x"},
        {"limit_cents": 1, "period": "fortnightly"},
        {"limit_cents": 900_000_000_001},
        {"limit_cents": 1, "period": "total", "sliding": True},
        {"limit_cents": 1, "period": "total", "on_exceeded": "wait"},
        {"limit_cents": 1, "timezone": "Mars/Olympus"},
        {"limit_cents": 1, "period": "hour", "sliding": True, "timezone": "Europe/Berlin"},
        {"limit_cents": 1, "scope": "tag", "target": "team"},
        {"limit_cents": 1, "scope": "node", "target": "summarize"},
        {"limit_cents": 1, "thresholds": [0]},
        {"limit_cents": 1, "soft_limit_usd": 1, "soft_limit_cents": 1},
    ],
)
async def test_bad_budgets_are_refused(api: Running, body: dict[str, Any]) -> None:
    answer = await api.client.post(BUDGETS, json=body)
    assert answer.status_code == 422, answer.text


async def test_what_the_broker_did_not_take_is_published_at_the_next_start(settings: Settings) -> None:
    down = MemoryLog(down=True)
    async with running(settings, down) as api:
        await until_authenticated(api)
        assert (await api.client.post(PROMPTS, json=PROMPT)).status_code == 201
        assert down.records == []
    up = MemoryLog()
    async with running(settings, up) as api:
        found = await published(up, f"prompt:{settings.api.default_org_id}:greeter:3")
        assert found.body["template"] == PROMPT["template"]
        await published(up, f"organisation:{settings.api.default_org_id}:{settings.api.default_org_id}:1")


async def test_tools_and_functions_are_listed_with_their_schemas(api: Running) -> None:
    found = (await api.client.get("/api/v1/tools")).json()
    assert found["problems"] == []
    tools = {entry["name"]: entry for entry in found["tools"]}
    assert tools["s3.fetch"]["arguments"]["required"] == ["key"]
    assert tools["s3.fetch"]["effect"] == {"pure": False, "idempotency_key": True, "reconcile": False}
    found = (await api.client.get("/api/v1/functions")).json()
    functions = {entry["name"]: entry for entry in found["functions"]}
    assert functions["text_splitter"]["arguments"]["properties"]["chunk_size"]["default"] == 1000
    assert functions["text_splitter"]["effect"]["pure"] is True
    assert (await api.client.get("/api/v1/tools", headers={"Authorization": ""})).status_code == 401


async def test_a_workflow_with_queues_has_their_topics_made_first(api: Running) -> None:
    node = {"id": "a", "type": "tool", "queue": "gpu", "config": {"tool_name": "theirs"}}
    flow = {"name": "queued", "version": 1, "dag": {"nodes": [node]}}
    assert (await api.client.post(WORKFLOWS, json=flow)).status_code == 201
    # The start makes those of workflows that are stored, when it has time.
    made = [name for name in api.app.state.created_topics if "." in name and name != "step-requests.kept"]
    assert made == ["step-requests.gpu"]
    found = (await api.client.get(f"{WORKFLOWS}/queued")).json()
    assert found["spec"]["dag"]["nodes"][0]["queue"] == "gpu"
    node["queue"] = "one-too-many"
    refused = await api.client.post(WORKFLOWS, json=flow | {"version": 2})
    assert (refused.status_code, refused.json()["detail"]) == (413, "there are too many queues")
    assert (await api.client.get(f"{WORKFLOWS}/queued")).json()["version"] == 1


async def test_queues_of_stored_workflows_are_made_again_at_the_start(settings: Settings) -> None:
    node = {"id": "a", "type": "tool", "queue": "kept", "config": {"tool_name": "theirs"}}
    async with running(settings) as first:
        await until_authenticated(first)
        flow = {"name": "kept", "version": 1, "dag": {"nodes": [node]}}
        assert (await first.client.post(WORKFLOWS, json=flow)).status_code == 201
    async with running(settings) as second, asyncio.timeout(DEADLINE_S):
        while "step-requests.kept" not in second.app.state.created_topics:  # noqa: ASYNC110 - a background task makes it
            await asyncio.sleep(0.02)
