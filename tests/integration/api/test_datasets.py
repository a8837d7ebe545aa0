"""Datasets over HTTP: imports by type of body, versions, pages of rows, and rows that are refused with their lines."""

import asyncio
from typing import Any

import orjson
import pytest
from msgspec import structs

from schemas.payload import inline
from schemas.records.run_views import Children, StepView
from tests.support.api import Running, unique
from tests.support.history import view_of, write_views
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS

DATASETS = "/api/v1/datasets"
#: The label of what has none.
WEB = ["web", "from:unlabelled"]
CASES = [
    {"id": "a", "inputs": {"name": "Ada"}, "expected": "Hello Ada", "tags": ["short"], "cluster": "people"},
    {"id": "b", "inputs": {"name": "Émile"}},
    {"id": "c", "inputs": {"name": "Grace", "more": {"z": 1, "a": [1.5, None]}}, "expected": {"said": "hi"}},
]
LINES = b"\n".join(map(orjson.dumps, CASES)) + b"\n\n"


async def imported(api: Running, name: str, body: bytes, kind: str, status: int = 201, **query: str) -> dict[str, Any]:
    query |= {"name": name}
    answer = await api.client.post(DATASETS, content=body, params=query, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def rows(api: Running, name: str, **query: str | int) -> dict[str, Any]:
    answer = await api.client.get(f"/api/v1/datasets/{name}/rows", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def step(step_id: str, node: str, **fields: Any) -> StepView:
    return StepView(step_id=step_id, node_id=node, kind="llm", state="succeeded", attempt=1, **fields)


def whole(case: dict[str, Any]) -> dict[str, Any]:
    return {"expected": None, "tags": [], "cluster": "", "labels": {}, **case}


async def test_json_lines_are_versions_whose_rows_come_by_page(api: Running) -> None:
    name = unique("greetings")
    first = await imported(api, name, LINES, "application/x-ndjson", message="the first")
    assert (first["id"], first["cases"], first["message"]) == (f"{name}@1", 3, "the first")
    assert first["author"]
    assert (await imported(api, name, LINES, "application/jsonl", 200))["version"] == 1
    as_json = orjson.dumps({"cases": CASES})
    assert (await imported(api, name, as_json, "application/json", 200))["hash"] == first["hash"]
    assert (await imported(api, name, orjson.dumps(CASES[0]), "application/x-ndjson"))["version"] == 2
    page = await rows(api, name, version=1, limit=2)
    assert page == {"cases": [whole(CASES[0]), whole(CASES[1])], "next_cursor": "2"}
    page = await rows(api, name, version=1, limit=2, cursor=page["next_cursor"])
    assert page == {"cases": [whole(CASES[2])], "next_cursor": None}
    assert list(page["cases"][0]["inputs"]["more"]) == ["z", "a"]
    versions = (await api.client.get(f"/api/v1/datasets/{name}/versions")).json()["datasets"]
    assert [one["version"] for one in versions] == [2, 1]
    newest = (await api.client.get(f"/api/v1/datasets/{name}")).json()
    assert (newest["version"], newest["cases"]) == (2, 1)
    assert name in [one["name"] for one in (await api.client.get("/api/v1/datasets")).json()["datasets"]]


async def test_a_table_has_a_column_for_each_input(api: Running) -> None:
    name = unique("table")
    table = 'id,name,expected,tags\r\n1,Ada,"Hello,\nAda",short; people\r\n2,Grace,,\r\n'
    assert (await imported(api, name, table.encode("utf-8-sig"), "text/csv; charset=utf-8"))["cases"] == 2
    found = (await rows(api, name))["cases"]
    assert found == [
        {
            "id": "1",
            "inputs": {"name": "Ada"},
            "expected": "Hello,\nAda",
            "tags": ["short", "people"],
            "cluster": "",
            "labels": {},
        },
        {"id": "2", "inputs": {"name": "Grace"}, "expected": "", "tags": [], "cluster": "", "labels": {}},
    ]


@pytest.mark.parametrize(
    ("body", "kind", "paths"),
    [
        (b'{"inputs": {}}\n{"inputs": 1}\n[]\nno', "application/x-ndjson", ["line 2 inputs", "line 3", "line 4"]),
        (b'{"id": "a", "inputs": {}}\n\n{"id": "a", "inputs": {}}', "application/x-ndjson", ["line 3"]),
        (b'{"inputs": {"a": "\\u0000"}}', "application/x-ndjson", ["line 1 inputs.a"]),
        (b'{"inputs": {}, "expectd": 1}', "application/x-ndjson", ["line 1 expectd"]),
        (b"a,b\n1,2\n3\n", "text/csv", ["line 3"]),
        (b"id,expected\n1,2\n", "text/csv", ["line 1"]),
        (b"a,a\n1,2\n", "text/csv", ["line 1"]),
        (b"a\nx\xff\n", "text/csv", ["byte 3"]),
        (b'{"cases": [{"inputs": {}}, 7]}', "application/json", ["cases[1]"]),
        (b'{"cases": []}', "application/json", ["cases"]),
        (b"\n\n", "application/x-ndjson", [""]),
    ],
)
async def test_bad_rows_are_named_by_line_and_nothing_is_stored(
    api: Running, body: bytes, kind: str, paths: list[str]
) -> None:
    name = unique("bad")
    refused = await imported(api, name, body, kind, 422)
    assert [one["path"] for one in refused["problems"]] == paths
    assert all(one["message"] for one in refused["problems"])
    assert (await api.client.get(f"/api/v1/datasets/{name}")).status_code == 404


async def test_bodies_of_other_types_are_refused(api: Running) -> None:
    for kind, body, status in (("text/plain", b"a", 415), ("", b"a", 415), ("text/csv", b"", 400)):
        answer = await api.client.post(DATASETS, params={"name": "x"}, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status, answer.text


async def test_two_imports_at_once_become_two_versions(api: Running) -> None:
    name = unique("race")
    bodies = [orjson.dumps({"inputs": {"n": number}}) for number in range(4)]
    made = await asyncio.gather(*(imported(api, name, body, "application/jsonl") for body in bodies))
    assert sorted(one["version"] for one in made) == [1, 2, 3, 4]


async def test_a_large_dataset_is_stored_whole(api: Running) -> None:
    name = unique("large")
    lines = b"\n".join(orjson.dumps({"inputs": {"text": "x" * 1_500, "n": n}}) for n in range(2_000))
    assert (await imported(api, name, lines, "application/x-ndjson"))["cases"] == 2_000
    assert [one["id"] for one in (await rows(api, name, limit=3, cursor=1_997))["cases"]] == ["1998", "1999", "2000"]


async def test_a_key_of_some_prompts_sees_the_datasets_of_their_names(api: Running) -> None:
    name = unique("scoped")
    await imported(api, name, LINES, "application/x-ndjson")
    key = (await api.client.post("/api/v1/keys", json={"name": "k", "scopes": ["prompt:other*"]})).json()["key"]
    async with api.as_key(key) as other:
        assert (await other.get(f"/api/v1/datasets/{name}")).status_code == 403
        assert (await other.get("/api/v1/datasets")).json() == {"datasets": []}


async def test_steps_of_runs_become_cases_with_what_they_were_given(api: Running) -> None:
    name, flow = unique("production"), unique("flow")
    await api.client.post("/api/v1/prompts", json={"name": "said", "template": "Say {{text}} to {{who.name}}"})
    by_item = {"text": "{{item.text}}", "who": {"name": "{{who}}"}}
    each = {"prompt_ref": "said@1", "parallel": True, "items": "{{texts}}", "inputs": by_item}
    last = {"prompt_ref": "said@1", "inputs": by_item | {"text": "each.output.1"}}
    dag = {
        "nodes": [{"id": "each", "type": "llm", "config": each}, {"id": "last", "type": "llm", "config": last}],
        "edges": [{"from": "each", "to": "last"}],
    }
    await api.client.post("/api/v1/workflows", json={"name": flow, "version": 1, "dag": dag})
    inputs = {"texts": [{"text": "one"}, {"text": "two"}], "who": "Ada"}
    run = (await api.client.post("/api/v1/workflows/runs", json={"workflow_name": flow, "inputs": inputs})).json()["id"]
    submitted = api.log.decoded(RUN_EVENTS)[-1]
    steps = [
        step("each", "each", children=Children(total=2, succeeded=2)),
        step("each[0]", "each", output=inline("1!")),
        step("each[1]", "each", output=inline("2!")),
        step("last", "last", output=inline("the end")),
    ]
    await write_views(api.postgres_dsn, view_of(submitted, "succeeded", steps=steps, output={}, finished_at_ms=2))
    body = {"name": name, "workflow": flow}
    made = await api.client.post("/api/v1/datasets/from-runs", json=body)
    assert made.status_code == 201, made.text
    assert (made.json()["cases"], made.json()["skipped"]) == (3, {})
    found = {one["id"]: one for one in (await rows(api, name))["cases"]}
    who = {"who": {"name": "Ada"}}
    assert found == {
        f"{run}:each[0]": whole(
            {"id": f"{run}:each[0]", "inputs": {"text": "one"} | who, "expected": "1!", "cluster": run}
        ),
        f"{run}:each[1]": whole(
            {"id": f"{run}:each[1]", "inputs": {"text": "two"} | who, "expected": "2!", "cluster": run}
        ),
        f"{run}:last": whole({"id": f"{run}:last", "inputs": {"text": "2!"} | who, "expected": "the end"}),
    }
    for wrong, status in (({"node": "none"}, 422), ({"status": "failed"}, 404), ({"prompt": "other"}, 422)):
        refused = await api.client.post("/api/v1/datasets/from-runs", json=body | wrong)
        assert refused.status_code == status, refused.text


async def test_rows_of_runs_are_redacted_by_the_active_policy_and_keep_their_labels(api: Running) -> None:
    name, flow, mail = unique("private"), unique("flow"), "ada.lovelace@analytical.example.org"
    await api.client.post("/api/v1/prompts", json={"name": "told", "template": "Say {{text}}"})
    node = {"id": "tell", "type": "llm", "config": {"prompt_ref": "told@1"}}
    await api.client.post("/api/v1/workflows", json={"name": flow, "version": 1, "dag": {"nodes": [node], "edges": []}})
    body = {"workflow_name": flow, "inputs": {"text": f"write to {mail}"}}
    assert (await api.client.post("/api/v1/workflows/runs", json=body)).status_code == 202
    output = structs.replace(inline(f"I wrote to {mail}"), labels={"$": ["user", "class:mail"]})
    steps = [step("tell", "tell", output=output)]
    submitted = api.log.decoded(RUN_EVENTS)[-1]
    await write_views(api.postgres_dsn, view_of(submitted, "succeeded", steps=steps, output={}, finished_at_ms=2))
    rule = {"id": "rows", "classes": ["pii"], "action": "mask", "at": ["dataset"]}
    made = await api.client.post(
        "/api/v1/policies",
        json={"document": {"name": "private", "effects": "allow", "privacy": {"redact": [rule]}}},
    )
    active = {"version": made.json()["version"], "mode": "enforce"}
    assert (await api.client.post("/api/v1/policies/private/activate", json=active)).status_code == 200
    answer = await api.client.post("/api/v1/datasets/from-runs", json={"name": name, "workflow": flow})
    assert answer.status_code == 201, answer.text
    assert answer.json()["redacted"] == {"pii": {"email": 2}}
    page = await api.client.get(f"/api/v1/datasets/{name}/rows")
    assert mail not in page.text
    (row,) = page.json()["cases"]
    assert row["inputs"]["text"].startswith("write to ")
    assert row["labels"] == {"$": ["trusted"], "$.expected": ["user", "class:mail"], "$.inputs.text": WEB}
    audited = [one for one in api.log.decoded(AUDIT_EVENTS) if one.action == "dataset"]
    assert [(one.subject, one.details) for one in audited] == [(name, {"email": "2"})]
    scorers = [{"kind": "exact"}]
    started = await api.client.post("/api/v1/evaluations", json={"prompt": "told", "dataset": name, "scorers": scorers})
    assert started.status_code == 202, started.text
    evaluated = api.log.decoded(RUN_EVENTS)[-1]
    assert "class:mail" in evaluated.security.inputs["$.cases[0].expected"]
    assert "labels" not in evaluated.inputs["cases"][0]
