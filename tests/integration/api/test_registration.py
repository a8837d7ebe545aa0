"""Registration: prompts inside nodes, warnings, and dry runs."""

from typing import Any

import pytest

from connectors.redis.worker_registry import Said
from tests.support.api import WORKFLOW, Running

WORKFLOWS, PROMPTS, RUNS = "/api/v1/workflows", "/api/v1/prompts", "/api/v1/workflows/runs"


def inline(prompt: Any, version: int = 1, **config: Any) -> dict[str, Any]:
    node = {"id": "say", "type": "llm", "config": {"prompt": prompt} | config}
    return {"name": "talk", "version": version, "dag": {"nodes": [node]}}


async def test_an_inline_prompt_becomes_a_version_of_its_own(api: Running) -> None:
    first = await api.client.post(WORKFLOWS, json=inline("Say {{word}}"))
    assert first.status_code == 201, first.text
    assert first.json()["required_inputs"] == ["word"]
    assert first.json()["spec"]["dag"]["nodes"][0]["config"] == {"prompt_ref": "talk.say@1"}
    stored = (await api.client.get(f"{PROMPTS}/talk.say")).json()
    assert (stored["version"], stored["template"]) == (1, "Say {{word}}")
    again = await api.client.post(WORKFLOWS, json=inline("Say {{word}}"))
    assert (again.status_code, again.json()) == (200, first.json())
    second = await api.client.post(WORKFLOWS, json=inline({"system": "Be brief.", "user": "Tell {{word}}"}, 2))
    config = second.json()["spec"]["dag"]["nodes"][0]["config"]
    assert config == {"prompt_ref": "talk.say@2", "system": "Be brief."}
    third = await api.client.post(WORKFLOWS, json=inline("Say {{word}}", 3))
    assert third.json()["spec"]["dag"]["nodes"][0]["config"] == {"prompt_ref": "talk.say@1"}
    assert (await api.client.get(PROMPTS)).json()["prompts"][0]["versions"] == 2
    run = await api.client.post(RUNS, json={"workflow_name": "talk", "inputs": {"word": "yes"}})
    assert run.status_code == 202, run.text


async def test_another_text_in_the_same_version_stores_nothing(api: Running) -> None:
    await api.client.post(WORKFLOWS, json=inline("Say {{word}}"))
    other = await api.client.post(WORKFLOWS, json=inline("Whisper {{word}}"))
    assert other.status_code == 409, other.text
    assert (await api.client.get(PROMPTS)).json()["prompts"][0]["versions"] == 1


async def test_problems_of_an_inline_prompt_are_at_its_place(api: Running) -> None:
    answer = await api.client.post(WORKFLOWS, json=inline("Say {{word}}", inputs={"wrod": 1}))
    assert "the prompt 'talk.say@1' needs 'word'" in answer.json()["detail"]
    answer = await api.client.post(WORKFLOWS, json=inline("Say {{my word}}", surprise=1))
    assert {p["path"] for p in answer.json()["problems"]} == {
        "dag.nodes[0].config.prompt",
        "dag.nodes[0].config.surprise",
    }
    assert (await api.client.get(PROMPTS)).json()["prompts"] == []


async def test_a_prompt_of_a_bad_template_is_refused(api: Running) -> None:
    answer = await api.client.post(PROMPTS, json={"name": "p", "template": "Say {{größe}}"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "template")
    assert "{{grosse}}" in answer.json()["problems"][0]["fix"]


async def test_a_dry_run_says_what_would_be_registered_and_stores_nothing(api: Running) -> None:
    node = {"id": "a", "type": "tool", "queue": "gpu", "config": {"tool_name": "theirs"}}
    document = inline("Say {{word}}")
    document["dag"]["nodes"].append(node)
    said = await api.client.post(f"{WORKFLOWS}?dry_run=true", json=document)
    assert said.status_code == 200, said.text
    body = said.json()
    assert (body["dry_run"], body["new"], body["required_inputs"]) == (True, True, ["word"])
    assert (body["known_inputs"], body["queues"]) == (None, ["gpu"])
    assert [(one["node"], one["id"]) for one in body["prompts"]] == [("say", "talk.say@1")]
    assert (await api.client.get(f"{WORKFLOWS}/talk")).status_code == 404
    assert (await api.client.get(PROMPTS)).json()["prompts"] == []
    assert [name for name in api.app.state.created_topics if name.startswith("step-requests.")] == []
    assert [r for r in api.log.records if b"talk" in (r.value or b"")] == []
    made = await api.client.post(WORKFLOWS, json=document)
    assert (made.status_code, made.json()["hash"], made.json()["spec"]) == (201, body["hash"], body["spec"])
    again = await api.client.post(f"{WORKFLOWS}?dry_run=true", json=document)
    assert (again.status_code, again.json()["new"]) == (200, False)


async def test_a_dry_run_is_refused_as_the_registration_would_be(api: Running) -> None:
    await api.define_greeting()
    assert (await api.client.post(f"{WORKFLOWS}?dry_run=true", json=inline("Say {{ }}"))).status_code == 422
    other = await api.client.post(f"{WORKFLOWS}?dry_run=true", json=WORKFLOW | {"description": "another"})
    assert other.status_code == 409


async def test_a_model_of_another_provider_is_refused(api: Running) -> None:
    answer = await api.client.post(WORKFLOWS, json=inline("Say {{word}}", model="gpt-4o"))
    (problem,) = answer.json()["problems"]
    assert (answer.status_code, problem["path"]) == (422, "dag.nodes[0].config.model")
    assert problem["fix"] == "for gpt-4o say `provider: openai`"


async def test_a_provider_that_no_worker_has_is_a_warning(api: Running) -> None:
    workers = api.app.state.services.operations.workers
    await workers.beat(Said("w/1", "w", ("step-requests.gold",), 1, 0, "1", 0, providers=("local",)))
    document = inline("Say {{word}}", provider="openai", model="gpt-4o")
    try:
        made = await api.client.post(WORKFLOWS, json=document)
    finally:
        await workers.beat(Said("w/1", "w", ("step-requests.gold",), 1, 0, "1", 0, stopped=True))
    assert made.status_code == 201, made.text
    (warning,) = made.json()["warnings"]
    assert (warning["path"], warning["message"]) == (
        "dag.nodes[0].config.provider",
        "no live worker has the provider 'openai'",
    )


@pytest.mark.parametrize("written", ["true", "1", "null"])
async def test_an_id_that_yaml_reads_as_another_value_is_explained(api: Running, written: str) -> None:
    node = f"{{id: {written}, type: wait, config: {{duration_ms: 1}}}}"
    document = f"name: f\nversion: 1\ndag:\n  nodes:\n    - {node}\n  edges:\n    - {{from: {written}, to: b}}\n"
    answer = await api.client.post(WORKFLOWS, content=document)
    problems = {problem["path"]: problem["fix"] for problem in answer.json()["problems"]}
    assert answer.status_code == 422
    for path in ("dag.nodes[0].id", "dag.edges[0].from"):
        assert problems[path] == f'write it in quotes, such as "{written}"'


@pytest.mark.parametrize("written", ["yes", "no", "on"])
async def test_an_id_that_older_yaml_reads_as_a_truth_value_is_a_text(api: Running, written: str) -> None:
    node = f"{{id: {written}, type: wait, config: {{duration_ms: 1}}}}"
    document = f"name: f\nversion: 1\ndag:\n  nodes:\n    - {node}\n"
    answer = await api.client.post(WORKFLOWS, content=document)
    assert (answer.status_code, answer.json()["spec"]["dag"]["nodes"][0]["id"]) == (201, written)
