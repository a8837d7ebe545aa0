"""Nodes that are quarantined: a closed schema, of the node or of its prompt, no stream, and no agent."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.prompts.form import PromptForm
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.model import PinnedPrompt
from schemas.spec.text.document import document_of

CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {"to": {"enum": ["sales", "support"]}, "urgent": {"type": "boolean"}, "due": {"format": "date"}},
    "additionalProperties": False,
}
CLOSED["properties"]["due"]["type"] = "string"
OPEN = {"type": "object", "properties": {"to": {"type": "string"}}, "additionalProperties": False}


def problems(
    kind: str = "llm", of_prompt: Any = None, policy: dict[str, Any] | None = None, **config: Any
) -> list[str]:
    node = {"id": "read", "type": kind, "config": {"prompt_ref": "ask@1", "quarantined": True} | config}
    document = {"name": "flow", "version": 1, "dag": {"nodes": [node | {"policy": policy or {}}]}}
    form = PromptForm.model_validate({} if of_prompt is None else {"output_schema": of_prompt})
    prompt = PinnedPrompt(name="ask", version=1, template="Say", hash="0" * 64, form=form)
    try:
        spec = parse_workflow(document)
        assert parse_workflow(document_of(spec)) == spec
        check_spec(spec, prompts={"ask@1": prompt}, tools={"t"}, functions=set())
    except InvalidSpec as exc:
        return [str(problem) for problem in exc.problems]
    return []


def test_a_closed_schema_is_enough() -> None:
    assert problems(output_schema=CLOSED) == []
    assert problems(of_prompt=CLOSED) == []


@pytest.mark.parametrize("schema", [OPEN, {"type": "string"}, {"type": "object"}, {}])
def test_free_text_is_refused(schema: dict[str, Any]) -> None:
    for said in (problems(output_schema=schema), problems(of_prompt=schema)):
        assert [one.partition(":")[0] for one in said] == ["dag.nodes[0].config.quarantined"]
        assert "free text" in said[0]


def test_the_schema_of_the_node_counts_before_that_of_its_prompt() -> None:
    assert problems(output_schema=CLOSED, of_prompt=OPEN) == []
    assert len(problems(output_schema=OPEN, of_prompt=CLOSED)) == 1


def test_without_a_schema_it_is_refused() -> None:
    (said,) = problems()
    assert said.startswith("dag.nodes[0].config.quarantined: neither the node nor its prompt has an `output_schema`")


def test_an_agent_is_never_quarantined() -> None:
    (said,) = problems("agent", output_schema=CLOSED, tools=["t"])
    assert "an agent calls tools" in said


def test_its_answer_is_not_streamed() -> None:
    (said,) = problems(output_schema=CLOSED, policy={"stream": True})
    assert said.startswith("dag.nodes[0].policy.stream")


def test_of_an_unknown_prompt_only_that_is_said() -> None:
    node = {"id": "read", "type": "llm", "config": {"prompt_ref": "ask@1", "quarantined": True}}
    spec = parse_workflow({"name": "flow", "version": 1, "dag": {"nodes": [node]}})
    with pytest.raises(InvalidSpec) as caught:
        check_spec(spec, prompts={}, tools=set(), functions=set())
    assert [one.path for one in caught.value.problems] == ["dag.nodes[0].config.prompt_ref"]
