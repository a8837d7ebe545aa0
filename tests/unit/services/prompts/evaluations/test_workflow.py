"""The workflow of an evaluation: its nodes, what they are given, and what decides its version."""

import re

import pytest

from schemas.prompts.evaluations import ScorerSpec
from schemas.spec.check.workflow import resolve
from schemas.spec.model import NAME_PATTERN, PinnedPrompt, WorkflowSpec
from services.prompts.evaluations.workflow import Plan, Side, document, workflow_name

CANDIDATE = Side(name="candidate", version=4, variables=("question",))
BASELINE = Side(name="baseline", version=3, variables=("question", "tone"))
EXACT = ScorerSpec(kind="exact")
OWN = {"model": "judge", "provider": "q"}


def plan(*scorers: ScorerSpec, sides: tuple[Side, ...] = (CANDIDATE, BASELINE), repeats: int = 2) -> Plan:
    return Plan(prompt="answer", sides=sides, repeats=repeats, quality="bronze", scorers=scorers or (EXACT,))


def nodes(found: dict[str, object]) -> dict[str, dict[str, object]]:
    return {node["id"]: node for node in found["dag"]["nodes"]}  # type: ignore[index]


def test_each_version_and_repetition_is_a_map_over_the_cases_that_bypasses_the_cache() -> None:
    found = nodes(document(plan(), 1))
    assert list(found) == ["candidate_1", "candidate_2", "baseline_1", "baseline_2", "scores"]
    assert found["baseline_2"] == {
        "id": "baseline_2",
        "type": "llm",
        "policy": {"quality": "bronze"},
        "config": {
            "prompt_ref": "answer@3",
            "cache": {"enabled": False},
            "parallel": True,
            "items": "{{cases}}",
            "on_child_error": "collect",
            "inputs": {
                "item": None,
                "index": None,
                "question": "{{item.inputs.question}}",
                "tone": "{{item.inputs.tone}}",
            },
        },
    }


def test_a_prompt_whose_variable_is_called_item_gets_the_case_s_value() -> None:
    side = Side(name="candidate", version=1, variables=("item",))
    inputs = nodes(document(plan(sides=(side,)), 1))["candidate_1"]["config"]["inputs"]  # type: ignore[index]
    assert inputs == {"item": "{{item.inputs.item}}", "index": None}


def test_judges_and_functions_of_users_are_maps_over_questions_about_the_answers() -> None:
    judge = ScorerSpec(kind="llm_judge", options={"rubric": "see {{this}}", "model": "m", "provider": "p"})
    own = ScorerSpec(kind="custom", name="mine", options={"function": "my.scorer"})
    found = document(plan(EXACT, judge, own), 1)
    by_id = nodes(found)
    assert list(by_id)[4:] == ["ask_1", "ask_2", "reply_1", "reply_2", "scores"]
    config = by_id["reply_1"]["config"]
    assert (config["items"], config["model"], config["provider"]) == ("ask_1.output", "m", "p")  # type: ignore[index]
    assert by_id["ask_1"]["config"]["function_args"]["number"] == 1  # type: ignore[index]
    assert by_id["reply_2"]["config"]["function_name"] == "my.scorer"  # type: ignore[index]
    edges = {(edge["from"], edge["to"]) for edge in found["dag"]["edges"]}  # type: ignore[index]
    assert {("candidate_1", "ask_1"), ("ask_1", "reply_1"), ("reply_2", "scores"), ("baseline_2", "scores")} <= edges
    assert not {("ask_1", "reply_2"), ("ask_2", "reply_1")} & edges
    args = by_id["scores"]["config"]["function_args"]  # type: ignore[index]
    assert args["replies"] == {"1": "reply_1.output", "2": "reply_2.output"}


def test_a_rubric_is_data_of_the_run_and_no_part_of_the_workflow() -> None:
    one, other = (ScorerSpec(kind="llm_judge", options={"rubric": text}) for text in ("short", "long"))
    assert document(plan(one), 1) == document(plan(other), 1)


def test_the_document_is_a_workflow_whose_only_inputs_are_the_cases_and_the_scorers() -> None:
    spec = WorkflowSpec.model_validate(document(plan(), 7))
    assert (spec.name, spec.version) == ("evaluation.answer", 7)
    pinned = {f"answer@{n}": PinnedPrompt(name="answer", version=n, template="", hash="h") for n in (3, 4)}
    assert set(resolve(spec, pinned).prompts) == {"answer@3", "answer@4"}


@pytest.mark.parametrize("length", [1, 100, 101, 102, 128])
def test_a_long_name_of_a_prompt_leaves_room_for_the_judges_inside(length: int) -> None:
    names = {workflow_name("a" * length), workflow_name("a" * (length - 1) + "b")}
    assert len(names) == 2
    for name in names:
        assert re.fullmatch(NAME_PATTERN, f"{name}.reply_19")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {"model": "m", "provider": "p", "max_tokens": 9}),
        ({"max_tokens": 300}, {"model": "m", "provider": "p", "max_tokens": 300}),
        (OWN, OWN),
        (OWN | {"max_tokens": 300}, OWN | {"max_tokens": 300}),
    ],
)
def test_a_judge_has_its_own_model_and_longest_reply_or_the_evaluation_s(
    options: dict[str, object], found: dict[str, object]
) -> None:
    judge = ScorerSpec(kind="llm_judge", options={"rubric": "short", **options})
    model = {"model": "m", "provider": "p", "max_tokens": 9}
    one = Plan(prompt="answer", sides=[CANDIDATE], repeats=1, quality="bronze", scorers=[judge], model=model)
    config = nodes(document(one, 1))["reply_0"]["config"]
    assert {name: config.get(name) for name in model if name in config} == found  # type: ignore[attr-defined,operator]
