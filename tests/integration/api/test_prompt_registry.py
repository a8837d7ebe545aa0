"""The registry of prompts over HTTP: forms, labels, parts, archiving, and what submissions see of them."""

import asyncio
from typing import Any

from connectors.postgres.prompts import Prompts
from schemas.records.run_events import RunSubmitted
from tests.support.api import Running, unique
from topics.catalogue import DEFINITIONS, RUN_EVENTS

PROMPTS, WORKFLOWS, RUNS = "/api/v1/prompts", "/api/v1/workflows", "/api/v1/workflows/runs"
CHAT = {
    "name": "chat",
    "messages": [{"role": "system", "template": "Be {{> tone@1}}."}, {"role": "user", "template": "{{question}}"}],
    "schema": {"question": {"type": "string", "required": True}},
    "output_schema": {"type": "object", "properties": {"b": {}, "a": {}}},
    "repair": True,
    "parameters": {"temperature": 0.2},
    "tools": ["s3.fetch"],
    "message": "the first",
}


async def create(api: Running, name: str, template: str, **fields: Any) -> Any:
    return await api.client.post(PROMPTS, json={"name": name, "template": template, **fields})


async def move(api: Running, name: str, label: str, version: int, **fields: Any) -> Any:
    return await api.client.put(f"{PROMPTS}/{name}/labels/{label}", json={"version": version, **fields})


async def register(api: Running, ref: str, name: str = "flow") -> Any:
    node = {"id": "ask", "type": "llm", "config": {"prompt_ref": ref}}
    return await api.client.post(WORKFLOWS, json={"name": name, "version": 1, "dag": {"nodes": [node], "edges": []}})


async def submit(api: Running, name: str = "flow") -> Any:
    headers = {"Idempotency-Key": unique("key")}
    return await api.client.post(RUNS, json={"workflow_name": name, "inputs": {}}, headers=headers)


def pinned(api: Running) -> Any:
    """Return the prompt that the last run uses."""
    last = [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted)][-1]
    return next(iter(last.spec.prompts.values()))


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_version_says_all_that_changes_a_request(api: Running) -> None:
    await create(api, "tone", "brief")
    first = await api.client.post(PROMPTS, json=CHAT)
    assert first.status_code == 201, first.text
    body = first.json()
    assert (body["template"], body["message"], body["parent"], body["labels"]) == ("", "the first", None, [])
    assert body["form"]["refs"] == {"tone@1": "tone@1"}
    assert body["form"]["parts"] == {"tone@1": {"template": "brief"}}
    assert body["form"]["input_schema"]["required"] == ["question"]
    assert body["schema"] == CHAT["schema"]
    assert list(body["form"]["output_schema"]["properties"]) == ["b", "a"]
    again = await api.client.post(PROMPTS, json=CHAT)
    assert (again.status_code, again.json()) == (200, body)
    for change in ({"tools": []}, {"repair": False}, {"parameters": {"seed": 1}}, {"schema": None}):
        other = await api.client.post(PROMPTS, json=CHAT | change)
        assert (other.status_code, other.json()["hash"] == body["hash"]) == (201, False)
    assert other.json()["parent"] == 4
    assert (await api.client.get(f"{PROMPTS}/chat?version=1")).json() == body


BAD: list[tuple[dict[str, Any], str]] = [
    ({"template": "x"}, "either"),
    ({"messages": []}, "either"),
    ({"messages": [{"role": "system", "template": "x"}]}, "role user"),
    ({"output_schema": None}, "repair"),
    ({"output_schema": {"type": "nothing"}}, "output_schema"),
    ({"output_schema": {"$ref": "http://127.0.0.1:9/x"}}, "output_schema"),
    ({"schema": {"question": {"type": "nothing"}}}, "schema"),
    ({"messages": [{"role": "user", "template": "a\0b"}]}, "U+0000"),
    ({"messages": [{"role": "user", "template": "{{my name}}"}]}, "messages[0].template"),
    ({"messages": [{"role": "user", "template": "a\n {{x | uper}}"}]}, "line 2, column 8: there is no filter 'uper'"),
    ({"messages": [{"role": "user", "template": "{{#x}}"}], "dialect": "mustache"}, "line 1, column 1: the section"),
    ({"messages": [{"role": "user", "template": "{{> tone@7}}"}]}, "there is no prompt 'tone@7'"),
    ({"messages": [{"role": "user", "template": "{{> to/ne}}"}]}, "names no p"),
    ({"dialect": "mustache", "messages": [{"role": "user", "template": "{{> to/ne}}"}]}, "names no p"),
    ({"dialect": "jinja"}, "dialect"),
    ({"labels": ["3"]}, "a number"),
    ({"labels": ["latest"]}, "reserved"),
]


async def test_a_bad_version_is_refused_with_its_place(api: Running) -> None:
    await create(api, "tone", "brief")
    for change, field in BAD:
        answer = await api.client.post(PROMPTS, json=CHAT | change)
        assert (answer.status_code, field in answer.text) == (422, True), answer.text
    assert (await api.client.get(f"{PROMPTS}/chat")).status_code == 404


async def test_a_part_is_resolved_when_the_version_is_created(api: Running) -> None:
    await create(api, "tone", "brief", labels=["production"])
    made = (await create(api, "ask", "{{> tone@production}} {{> tone}} {{x}}")).json()
    assert made["form"]["refs"] == {"tone@production": "tone@1", "tone": "tone@1"}
    await create(api, "tone", "long")
    assert (await move(api, "tone", "production", 2, expected_version=1)).status_code == 200
    await api.client.delete(f"{PROMPTS}/tone")
    assert (await api.client.get(f"{PROMPTS}/ask?version=1")).json() == made
    refused = await create(api, "ask", "{{> tone}} {{y}}")
    assert (refused.status_code, "archived" in refused.text) == (422, True)
    await api.client.post(f"{PROMPTS}/tone/restore")
    later = await create(api, "ask", "{{> tone@production}} {{> tone}} {{x}}")
    assert (later.status_code, later.json()["form"]["refs"]["tone"]) == (201, "tone@2")


async def test_a_label_is_moved_by_one_of_two_people(api: Running) -> None:
    for text in ("one", "two", "three"):
        await create(api, "ask", text)
    assert (await move(api, "ask", "production", 1, expected_version=None)).status_code == 200
    answers = await asyncio.gather(*(move(api, "ask", "production", n, expected_version=1) for n in (2, 3)))
    assert sorted(one.status_code for one in answers) == [200, 409]
    won, lost = sorted(answers, key=lambda one: one.status_code)
    said = lost.json()["detail"]
    assert f"version {won.json()['version']} by key {won.json()['moved_by']} at 20" in said
    assert problem(await move(api, "ask", "production", 1, expected_version=None)) == (409, "conflict")
    listed = (await api.client.get(f"{PROMPTS}/ask/labels")).json()
    assert [one["version"] for one in listed["labels"]] == [won.json()["version"]]
    assert [(one["version"], one["revision"]) for one in listed["moves"]] == [(won.json()["version"], 2), (1, 1)]
    found = (await api.client.get(f"{PROMPTS}/ask?label=production")).json()
    assert (found["version"], found["labels"]) == (won.json()["version"], ["production"])
    assert (await api.client.delete(f"{PROMPTS}/ask/labels/production?expected_version=1")).status_code == 409
    assert (await api.client.delete(f"{PROMPTS}/ask/labels/production")).status_code == 204
    assert (await api.client.get(f"{PROMPTS}/ask?label=production")).status_code == 404
    assert (await move(api, "ask", "production", 1, expected_version=None)).json()["revision"] == 4


async def test_a_label_that_could_be_a_version_is_refused(api: Running) -> None:
    await create(api, "ask", "one")
    for label, said in (("3", "number"), ("latest", "reserved"), ("Prod", "begin with a to z")):
        answer = await move(api, "ask", label, 1)
        assert (answer.status_code, said in answer.text) == (422, True)
        assert answer.json()["problems"][0]["fix"]


async def test_a_run_uses_the_version_that_a_label_names(api: Running) -> None:
    for text in ("one", "two"):
        await create(api, "ask", text)
    unknown = await register(api, "ask@production")
    assert (unknown.status_code, "move its label production" in unknown.text) == (422, True)
    await move(api, "ask", "production", 1)
    assert (await register(api, "ask@production")).status_code == 201
    assert ((await submit(api)).status_code, pinned(api).version) == (202, 1)
    await move(api, "ask", "production", 2)
    assert ((await submit(api)).status_code, pinned(api).template) == (202, "two")
    await api.client.delete(f"{PROMPTS}/ask/labels/production")
    refused = await submit(api)
    assert problem(refused) == (422, "unknown-prompt")
    assert "ask@production" in refused.json()["detail"]


async def test_an_archived_prompt_is_used_by_nothing_new(api: Running) -> None:
    await create(api, "ask", "one")
    await register(api, "ask@1")
    await submit(api)
    refused = await api.client.delete(f"{PROMPTS}/ask")
    assert (refused.status_code, "flow" in refused.json()["detail"]) == (409, True)
    gone = await api.client.delete(f"{PROMPTS}/ask?force=true")
    assert (gone.status_code, gone.json()["archived_at"] is None) == (200, False)
    assert (await api.client.get(PROMPTS)).json()["prompts"] == []
    assert [one["name"] for one in (await api.client.get(f"{PROMPTS}?archived=true")).json()["prompts"]] == ["ask"]
    assert problem(await submit(api)) == (422, "unknown-prompt")
    registered = await register(api, "ask@1", "another")
    assert (registered.status_code, "is archived" in registered.text, "restore" in registered.text) == (422, True, True)
    assert problem(await create(api, "ask", "two")) == (409, "conflict")
    assert problem(await move(api, "ask", "production", 1)) == (409, "conflict")
    assert (await api.client.get(f"{PROMPTS}/ask?version=1")).json()["template"] == "one"
    assert (await api.client.post(f"{PROMPTS}/ask/restore")).status_code == 200
    assert (await submit(api)).status_code == 202


async def test_another_process_refuses_an_archived_prompt_soon(api: Running) -> None:
    """The plan is cached there, and only its question for archived prompts can find it out."""
    await create(api, "ask", "one")
    await register(api, "ask@1")
    await submit(api)
    await Prompts(api.app.state.services.definitions.prompts._prompts._database).archive(
        api.org_id, "ask", archived=True
    )
    async with asyncio.timeout(60):
        while (await submit(api)).status_code == 202:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.1)


async def test_versions_say_who_made_them_and_why(api: Running) -> None:
    await create(api, "ask", "one", message="first")
    await create(api, "ask", "two", message="shorter", labels=["staging", "production"])
    (second, first) = (await api.client.get(f"{PROMPTS}/ask/versions")).json()["versions"]
    me = (await api.client.get("/api/v1/whoami")).json()["key_id"]
    assert (second["message"], second["parent"], second["labels"]) == ("shorter", 1, ["production", "staging"])
    assert (first["message"], first["parent"], first["labels"], first["author"]) == ("first", None, [], me)
    (line,) = (await api.client.get(PROMPTS)).json()["prompts"]
    assert line["labels"] == {"production": 2, "staging": 2}
    assert (await api.client.get(f"{PROMPTS}/nothing/versions")).status_code == 404


async def test_jinja_is_for_organisations_that_allow_it(api: Running) -> None:
    assert (await create(api, "ask", "{% if x %}y{% endif %}", dialect="jinja")).status_code == 422
    path = f"/api/v1/organisations/{api.org_id}"
    changed = await api.client.patch(path, json={"jinja_prompts": True})
    assert (changed.status_code, changed.json()["jinja_prompts"]) == (200, True)
    assert (await create(api, "ask", "{% if x %}y{% endif %}", dialect="jinja")).status_code == 201
    await api.client.patch(path, json={"jinja_prompts": False})


async def test_prompts_of_a_project_are_its_own(api: Running) -> None:
    for project in ("search", "mail"):
        await api.client.post("/api/v1/projects", json={"id": project})
    keys = {
        project: api.as_key((await api.client.post("/api/v1/keys", json=body)).json()["key"])
        for project in ("search", "mail")
        for body in [{"name": project, "project": project, "permissions": ["read", "write"]}]
    }
    search, mail = keys["search"], keys["mail"]
    body = {"name": "ask", "template": "one", "project": "search"}
    assert (await search.post(PROMPTS, json=body)).status_code == 201
    assert (await mail.post(PROMPTS, json=body | {"name": "other"})).status_code == 403
    assert (await mail.post(PROMPTS, json={"name": "ask", "template": "two"})).status_code == 409
    assert (await mail.post(PROMPTS, json={"name": "mine", "template": "{{> ask}}"})).status_code == 422
    for path in ("ask", "ask/versions", "ask/labels"):
        assert (await mail.get(f"{PROMPTS}/{path}")).status_code == 404
        assert (await search.get(f"{PROMPTS}/{path}")).status_code == 200
    assert (await mail.get(PROMPTS)).json()["prompts"] == []
    assert (await search.get(PROMPTS)).json()["prompts"][0]["project"] == "search"
    for found, status in ((mail, 404), (search, 200)):
        assert (await found.put(f"{PROMPTS}/ask/labels/x", json={"version": 1})).status_code == status
        assert (await found.delete(f"{PROMPTS}/ask")).status_code == status
        assert (await found.post(f"{PROMPTS}/ask/restore")).status_code == status
    node = {"id": "ask", "type": "llm", "config": {"prompt_ref": "ask"}}
    flow = {"name": "flow", "version": 1, "dag": {"nodes": [node], "edges": []}}
    assert (await mail.post(WORKFLOWS, json=flow)).status_code == 422
    assert (await search.post(WORKFLOWS, json=flow)).status_code == 201
    await api.client.post(PROMPTS, json={"name": "shared", "template": "one"})
    assert (await search.put(f"{PROMPTS}/shared/labels/x", json={"version": 1})).status_code == 403
    assert (await search.delete(f"{PROMPTS}/shared")).status_code == 403
    assert (await api.client.post(PROMPTS, json=body | {"project": "none", "name": "new"})).status_code == 404


async def test_a_part_outside_of_a_keys_scopes_is_refused(api: Running) -> None:
    await create(api, "secret", "one")
    key = (await api.client.post("/api/v1/keys", json={"name": "k", "scopes": ["prompt:mi*"]})).json()["key"]
    answer = await api.as_key(key).post(PROMPTS, json={"name": "mine", "template": "{{> secret}}"})
    assert (answer.status_code, "secret" in answer.text) == (403, True)


async def test_the_same_request_of_before_there_were_forms_finds_its_version(api: Running) -> None:
    body = {"name": "ask", "template": "{{x}}", "version": 3, "schema": {"x": {"type": "string"}}}
    database = api.app.state.services.definitions.prompts._prompts._database
    await api.client.post(PROMPTS, json={"name": "ask", "template": "{{x}}", "version": 3})
    await database.fetch(
        "make it old", "UPDATE prompt SET variables = $2 WHERE org_id = $1", api.org_id, body["schema"]
    )
    again = await api.client.post(PROMPTS, json=body)
    assert (again.status_code, again.json()["form"]) == (200, None)
    assert (await api.client.post(PROMPTS, json=body | {"repair": True, "output_schema": {}})).status_code == 409


async def test_labels_and_forms_are_published(api: Running) -> None:
    await create(api, "ask", "one", parameters={"seed": 1}, labels=["production"])
    await api.client.delete(f"{PROMPTS}/ask/labels/production")
    async with asyncio.timeout(60):
        while not any(one.deleted for one in api.log.decoded(DEFINITIONS) if one.kind == "prompt_label"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    found = {one.key: one for one in api.log.decoded(DEFINITIONS)}
    assert found[f"prompt:{api.org_id}:ask:1"].body["form"] == {"parameters": {"seed": 1}}
    moves = [one for one in api.log.decoded(DEFINITIONS) if one.kind == "prompt_label"]
    assert [one.key for one in moves] == [f"prompt_label:{api.org_id}:ask@production:1"] * 2
    assert moves[0].body["version"] == 1


async def test_a_run_has_the_whole_form_and_needs_what_its_messages_name(api: Running) -> None:
    await create(api, "tone", "{{mood}}")
    await api.client.post(PROMPTS, json=CHAT)
    registered = await register(api, "chat@1")
    assert registered.json()["required_inputs"] == ["mood", "question"]
    headers = {"Idempotency-Key": unique("key")}
    body = {"workflow_name": "flow", "inputs": {"mood": "calm", "question": "why?"}}
    assert (await api.client.post(RUNS, json=body, headers=headers)).status_code == 202
    form = (await api.client.get(f"{PROMPTS}/chat?version=1")).json()["form"]
    assert pinned(api).form.model_dump(mode="json", exclude_defaults=True) == form
