"""Inputs that a prompt certainly gets are checked by its schema when a run is submitted."""

from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.prompts.form import PromptForm
from schemas.spec.inputs.prompt_values import check_prompt_values
from schemas.spec.model import PinnedPrompt, ResolvedSpec
from tests.support.runs import function, llm, resolved

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 3}},
    "additionalProperties": False,
}


def flow(*nodes: dict[str, Any], edges: str = "", schema: dict[str, Any] = SCHEMA, **more: Any) -> ResolvedSpec:
    form = PromptForm.model_validate({"input_schema": schema})
    chat = PinnedPrompt(name="chat", version=1, template="Say {{word}}", hash="1" * 64, form=form)
    return resolved(*nodes, edges=edges, chat=chat, **more)


def test_a_value_that_breaks_the_schema_is_refused_by_its_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_prompt_values(flow(llm("a", "chat@1"), llm("b", "chat@1")), {"word": 5, "other": 1})
    one, other = caught.value.problems
    assert (one.path, one.message) == ("inputs.word", 'the value is not of type "string"')
    assert "prompt chat version 1" in one.fix
    assert "'b'" in other.fix


@pytest.mark.parametrize(
    "spec",
    [
        flow(llm("a", "chat@1", inputs={"word": "no"})),
        flow(llm("a", "chat@1", condition="inputs.word == 'no'")),
        flow(function("f"), llm("a", "chat@1"), edges="f>a"),
        flow(function("f"), llm("a", "chat@1"), on_failure="a"),
        flow(llm("a", "chat@1"), schema={"type": "objekt"}),
        resolved(llm("a")),
    ],
)
def test_values_that_a_prompt_may_not_get_are_left_to_its_call(spec: ResolvedSpec) -> None:
    check_prompt_values(spec, {"word": 5})


def test_values_that_follow_it_and_inputs_of_other_nodes_are_taken() -> None:
    check_prompt_values(flow(llm("a", "chat@1")), {"word": "yes", "other": 1})
