"""Nodes are checked with what their prompts bring."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.prompts.form import PromptForm
from schemas.spec.check.workflow import check_spec
from schemas.spec.model import PinnedPrompt
from tests.support.runs import llm, spec


def problems(node: dict[str, Any], template: str = "Say", **form: Any) -> list[str]:
    made = PromptForm.model_validate(form)
    prompts = {"ask@1": PinnedPrompt(name="ask", version=1, template=template, hash="0" * 64, form=made)}
    try:
        check_spec(spec(node), prompts=prompts, tools={"s3.fetch"}, functions=set())
    except InvalidSpec as exc:
        return [str(problem) for problem in exc.problems]
    return []


def agent(**config: Any) -> dict[str, Any]:
    return {"id": "a", "type": "agent", "config": {"prompt_ref": "ask@1"} | config}


def test_the_tools_of_a_prompt_are_those_of_an_agent_without() -> None:
    assert problems(agent(), tools=["s3.fetch"]) == []
    (said,) = problems(agent(), tools=["s3.fetsh"])
    assert "dag.nodes[0].config.tools: there is no tool 's3.fetsh'; did you mean 's3.fetch'?" in said
    (said,) = problems(agent())
    assert "neither the agent nor its prompt names tools" in said


def test_repair_without_a_schema_changes_nothing() -> None:
    (said,) = problems(llm("a", repair=True))
    assert said.startswith("dag.nodes[0].config.repair: without an `output_schema`")
    assert problems(llm("a", repair=True), output_schema={"type": "object"}) == []


def test_a_provider_of_the_prompt_is_pinned_for_batches() -> None:
    node = llm("a") | {"policy": {"batch": "only"}}
    assert problems(node, parameters={"provider": "openai", "model": "gpt-4o"}) == []
    (said,) = problems(node)
    assert "no provider is pinned" in said


@pytest.mark.parametrize("inputs", [{"name": "x"}, {"name": "x", "photo": "y"}])
def test_every_message_part_and_image_is_among_the_variables(inputs: dict[str, str]) -> None:
    found = problems(
        llm("a", inputs=inputs),
        "",
        messages=[
            {"role": "system", "template": "{{> head who=name}}"},
            {"role": "user", "template": "Look", "images": ["photo"]},
        ],
        refs={"head": "head@1"},
        parts={"head@1": {"template": "Dear {{who}}"}},
    )
    assert len(found) == ("photo" not in inputs)
