"""Prompts that are written inside nodes: their names and texts, and their problems."""

from typing import Any

import pytest

from schemas.prompts.inline import take_inline, with_versions
from schemas.spec.check.workflow import parse_workflow
from schemas.spec.loops import every_node
from schemas.spec.model import LlmNode


def document(*configs: Any, kind: str = "llm", name: str = "flow") -> dict[str, Any]:
    nodes = [{"id": f"n{i}", "type": kind, "config": config} for i, config in enumerate(configs)]
    return {"name": name, "version": 1, "dag": {"nodes": nodes}}


def test_a_prompt_is_named_after_workflow_and_node() -> None:
    taken, found, problems = take_inline(document({"prompt": "Say {{word}}"}, {"prompt_ref": "other@1"}))
    assert problems == []
    assert [(one.node, one.name, one.template) for one in found] == [("n0", "flow.n0", "Say {{word}}")]
    configs = [node["config"] for node in taken["dag"]["nodes"]]  # type: ignore[index, call-overload, union-attr]
    assert configs == [{"prompt_ref": "flow.n0"}, {"prompt_ref": "other@1"}]


def test_the_system_part_becomes_the_nodes_field() -> None:
    taken, (one,), problems = take_inline(document({"prompt": {"system": "Be brief.", "user": "Say {{word}}"}}))
    assert (one.template, problems) == ("Say {{word}}", [])
    config = taken["dag"]["nodes"][0]["config"]  # type: ignore[index, call-overload]
    assert config == {"prompt_ref": "flow.n0", "system": "Be brief."}


def test_a_prompt_may_be_inside_of_a_loop() -> None:
    body = [{"id": "draft", "type": "llm", "config": {"prompt": "Improve {{text}}"}}]
    loop = {
        "id": "refine",
        "type": "loop",
        "config": {"body": body, "until": "loop.iteration > 2", "max_iterations": 3},
    }
    taken, (one,), problems = take_inline({"name": "flow", "version": 1, "dag": {"nodes": [loop]}})
    assert (one.name, problems) == ("flow.draft", [])
    spec = with_versions(parse_workflow(taken), {"draft": one.pinned(2)})
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)["dag"]["nodes"][0]["config"]["body"]
    assert written[0]["config"]["prompt_ref"] == "flow.draft@2"
    body[0]["config"] = {"prompt": ""}
    (problem,) = take_inline({"name": "flow", "version": 1, "dag": {"nodes": [loop]}})[2]
    assert problem.path == "dag.nodes[0].config.body[0].config.prompt"


def test_a_system_text_is_given_once() -> None:
    config = {"prompt": {"system": "Be brief.", "user": "Say {{word}}"}, "system": "Be long."}
    (problem,) = take_inline(document(config))[2]
    assert problem.path == "dag.nodes[0].config.system"


def test_a_document_without_inline_prompts_is_as_it_was() -> None:
    plain = document({"prompt_ref": "other@1"})
    assert take_inline(plain) == (plain, [], [])
    assert take_inline({"name": "flow", "dag": [1]}) == ({"name": "flow", "dag": [1]}, [], [])


def test_a_tool_has_no_prompt() -> None:
    assert take_inline(document({"tool_name": "t", "prompt": "x"}, kind="tool"))[1] == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"prompt": "x", "prompt_ref": "a@1"}, "this one has both"),
        ({"prompt": 3}, "is neither a text nor"),
        ({"prompt": {"system": "x"}}, "is neither a text nor"),
        ({"prompt": {"user": "x", "assistant": "y"}}, "is neither a text nor"),
        ({"prompt": {"user": 3}}, "is neither a text nor"),
        ({"prompt": "  "}, "is empty"),
        ({"prompt": "a\0b"}, "U+0000"),
        ({"prompt": "x" * 300_000}, "the maximum is 262144"),
        ({"prompt": "Say {{my word}}"}, "names no variable"),
        ({"prompt": "a\n {{#x}}"}, "line 2, column 2: the section 'x' is not closed"),
        ({"prompt": "{{> header@2}} x"}, "includes the prompt 'header@2'"),
    ],
)
def test_a_bad_prompt_is_a_problem_at_its_place(config: dict[str, Any], said: str) -> None:
    (problem,) = take_inline(document(config))[2]
    assert problem.path == "dag.nodes[0].config.prompt"
    assert said in problem.message
    assert problem.fix


def test_a_name_that_is_too_long_is_a_problem() -> None:
    (problem,) = take_inline(document({"prompt": "x"}, name="f" * 127))[2]
    assert "over 128 characters" in problem.message


def test_nodes_name_the_versions_of_their_prompts() -> None:
    taken, (one,), _ = take_inline(document({"prompt": "Say {{word}}", "max_tokens": 5}))
    spec = with_versions(parse_workflow(taken), {"n0": one.pinned(3)})
    config = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)["dag"]["nodes"][0]["config"]
    assert config == {"prompt_ref": "flow.n0@3", "max_tokens": 5}


def test_a_prompt_inside_a_loop_is_taken_and_pinned_like_any_other() -> None:
    inner = {"id": "draft", "type": "llm", "config": {"prompt": "Say {{word}}"}}
    looped = {"id": "r", "type": "loop", "config": {"max_iterations": 2, "until": "true", "body": [inner]}}
    written, (prompt,), problems = take_inline({"name": "flow", "version": 1, "dag": {"nodes": [looped]}})
    assert (prompt.name, prompt.template, problems) == ("flow.draft", "Say {{word}}", [])
    spec = with_versions(parse_workflow(written), {"draft": prompt.pinned(3)})
    nodes = [node for node in every_node(spec.dag.nodes) if isinstance(node, LlmNode)]
    assert [node.config.prompt_ref for node in nodes] == ["flow.draft@3"]


def test_a_bad_prompt_inside_a_loop_is_a_problem_at_its_place() -> None:
    inner = {"id": "draft", "type": "llm", "config": {"prompt": "  "}}
    looped = {"id": "r", "type": "loop", "config": {"max_iterations": 2, "until": "true", "body": [inner]}}
    (problem,) = take_inline({"name": "flow", "dag": {"nodes": [looped]}})[2]
    assert problem.path == "dag.nodes[0].config.body[0].config.prompt"
