"""Inputs of submissions: missing ones, unknown ones, and those that only a condition reads."""

from typing import Any

import pytest

from schemas.records.run_events import RunSubmitted
from tests.support.api import Running
from topics.catalogue import RUN_EVENTS

RUNS, WORKFLOWS, SCHEDULES = "/api/v1/workflows/runs", "/api/v1/workflows", "/api/v1/schedules"
INPUTS = {"name": "Ada", "language": "French"}


@pytest.fixture
async def api(api: Running) -> Running:
    await api.define_greeting()
    return api


async def register(api: Running, name: str, *nodes: dict[str, Any], **document: Any) -> Any:
    return await api.client.post(WORKFLOWS, json={"name": name, "version": 1, "dag": {"nodes": list(nodes)}} | document)


def decided(condition: str) -> dict[str, Any]:
    config = {"function_name": "result_merger", "inputs": {"x": 1}, "condition": condition}
    return {"id": "decided", "type": "function", "config": config}


async def test_an_unknown_input_is_refused_with_the_nearest_one(api: Running) -> None:
    answer = await api.client.post(RUNS, json={"workflow_name": "greeting", "inputs": INPUTS | {"langauge": "x"}})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert problem["path"] == "inputs.langauge"
    assert problem["fix"].startswith("did you mean 'language'?")
    assert not [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]


async def test_missing_and_unknown_inputs_are_named_together(api: Running) -> None:
    answer = await api.client.post(RUNS, json={"workflow_name": "greeting", "inputs": {"name": "A", "lang": "x"}})
    assert {p["path"] for p in answer.json()["problems"]} == {"inputs.language", "inputs.lang"}
    said = "greeting version 1 needs the input language and does not read the input lang"
    assert answer.json()["detail"] == said


async def test_a_schedule_is_refused_as_its_submissions_would_be(api: Running) -> None:
    body = {"name": "s", "workflow_name": "greeting", "interval_s": 3600}
    answer = await api.client.post(SCHEDULES, json=body | {"inputs": INPUTS | {"more": 1}})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "inputs.more")
    answer = await api.client.post(SCHEDULES, json=body | {"inputs": INPUTS | {"name": {"deep": ["{{slots}}"]}}})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "inputs.name.deep[0]")
    answer = await api.client.post(SCHEDULES, json=body | {"inputs": INPUTS | {"name": {"deep": ["{{ slot }}"]}}})
    assert answer.status_code == 201, answer.text


async def test_a_workflow_may_take_any_inputs(api: Running) -> None:
    made = await register(api, "lenient", decided("true"), allow_unknown_inputs=True)
    assert made.status_code == 201, made.text
    answer = await api.client.post(RUNS, json={"workflow_name": "lenient", "inputs": {"anything": 1}})
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("condition", "inputs", "status"),
    [
        ("inputs.n > 1", {}, 422),
        ("inputs.n > 1", {"n": 2}, 202),
        ("has(inputs.n) && inputs.n > 1", {}, 202),
        ("has(inputs.n) && inputs.n > 1", {"m": 1}, 422),
    ],
)
async def test_an_input_that_only_a_condition_reads(
    api: Running, condition: str, inputs: dict[str, Any], status: int
) -> None:
    made = await register(api, "conditional", decided(condition))
    assert made.json()["required_inputs"] == ([] if "has" in condition else ["n"])
    answer = await api.client.post(RUNS, json={"workflow_name": "conditional", "inputs": inputs})
    assert answer.status_code == status, answer.text


async def test_an_argument_that_is_almost_a_declared_one_is_refused(api: Running) -> None:
    config = {"function_name": "text_splitter", "function_args": {"chunk_sise": 10}}
    answer = await register(api, "split", {"id": "split", "type": "function", "config": config})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["problems"]
    assert problem["path"] == "dag.nodes[0].config.function_args.chunk_sise"
    assert "did you mean 'chunk_size'?" in problem["fix"]


@pytest.mark.parametrize(("cents", "status"), [("0.00000000001", 422), ("0.0000001", 202), (0, 202), ("12.5", 202)])
async def test_a_budget_that_would_be_nothing_is_refused(api: Running, cents: str | int, status: int) -> None:
    answer = await api.client.post(RUNS, json={"workflow_name": "greeting", "inputs": INPUTS, "budget_cents": cents})
    assert answer.status_code == status, answer.text
    if status == 422:
        (problem,) = answer.json()["problems"]
        assert problem["path"] == "budget_cents"
        assert problem["message"] == "is less than the smallest amount, 0.0000001 cents"


async def test_inputs_that_break_the_schema_of_the_workflow_are_refused_at_each_door(api: Running) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "integer"}}}}
    made = await register(api, "strict", decided("inputs.x.size() > 0"), input_schema=schema)
    assert made.status_code == 201, made.text
    good, bad = {"x": [1]}, {"x": [1, "two"]}
    schedule = {"name": "s", "workflow_name": "strict", "interval_s": 3600}
    for path, body in ((RUNS, {"workflow_name": "strict"}), (f"{RUNS}?dry_run=true", {"workflow_name": "strict"})):
        answer = await api.client.post(path, json=body | {"inputs": bad})
        assert answer.status_code == 422, answer.text
        assert [one["path"] for one in answer.json()["problems"]] == ["inputs.x[1]"]
        assert (await api.client.post(path, json=body | {"inputs": good})).is_success
    answer = await api.client.post(SCHEDULES, json=schedule | {"inputs": bad})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "inputs.x[1]")
    assert (await api.client.post(SCHEDULES, json=schedule | {"inputs": good})).status_code == 201


async def test_a_schema_by_which_nothing_can_be_checked_is_refused(api: Running) -> None:
    for schema in (
        {"type": "x"},
        {"$ref": "https://example.com/a"},
        {"pattern": "(?=a)b"},
        {"description": "x" * 40_000},
    ):
        answer = await register(api, "broken", decided("true"), input_schema=schema)
        assert answer.status_code == 422, schema
        assert answer.json()["problems"][0]["path"] == "input_schema"
