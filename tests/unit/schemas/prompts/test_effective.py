"""What a node asks for with its prompt: its own fields first, those of the version where it has none."""

from typing import Any

import pytest

from schemas.prompts.effective import effective
from schemas.prompts.form import PromptForm
from schemas.spec.model import AgentNode, LlmNode, PinnedPrompt

SCHEMA = {"type": "object"}


def prompt(**form: Any) -> PinnedPrompt:
    return PinnedPrompt(name="ask", version=1, template="Say", hash="0" * 64, form=PromptForm.model_validate(form))


def node(policy: dict[str, Any] | None = None, **config: Any) -> LlmNode:
    body = {"id": "a", "type": "llm", "config": {"prompt_ref": "ask@1", **config}, "policy": policy or {}}
    return LlmNode.model_validate(body)


@pytest.mark.parametrize(
    ("name", "of_prompt", "of_node"),
    [
        ("max_tokens", 50, 60),
        ("temperature", 0.0, 1.5),
        ("top_p", 0.5, 0.9),
        ("stop", ["END"], ["STOP"]),
        ("seed", 0, 7),
        ("reasoning_effort", "low", "high"),
    ],
)
def test_a_parameter_of_the_node_goes_before_that_of_the_version(name: str, of_prompt: Any, of_node: Any) -> None:
    version = prompt(parameters={name: of_prompt})
    assert getattr(effective(node(), version), name) == of_prompt
    assert getattr(effective(node(**{name: of_node}), version), name) == of_node


def test_a_default_that_is_written_means_the_same_as_none_since_documents_are_stored_without() -> None:
    assert effective(node(max_tokens=1024), prompt(parameters={"max_tokens": 50})).max_tokens == 50


@pytest.mark.parametrize("pinned", [{"provider": "openai"}, {"model": "gpt-4o"}])
def test_provider_and_model_go_together(pinned: dict[str, str]) -> None:
    version = prompt(parameters={"provider": "anthropic", "model": "claude"})
    found = effective(node(), version)
    assert (found.provider, found.model) == ("anthropic", "claude")
    found = effective(node(**pinned), version)
    assert (found.provider, found.model) == (pinned.get("provider"), pinned.get("model"))


def test_a_node_whose_policy_chooses_the_route_takes_none_of_the_version() -> None:
    found = effective(node({"route": "best"}), prompt(parameters={"provider": "anthropic", "model": "claude"}))
    assert (found.provider, found.model) == (None, None)


def test_schemas_images_and_tools_of_the_version_are_those_of_a_node_without() -> None:
    message = {"role": "user", "template": "Look", "images": ["photo", "own"]}
    version = prompt(messages=[message], output_schema=SCHEMA, repair=True, tools=["s3.fetch"])
    found = effective(node(images=["own"]), version)
    assert (found.output_schema, found.repair, found.images) == (SCHEMA, True, ["own", "photo"])
    assert effective(node(output_schema={"type": "array"}), version).output_schema == {"type": "array"}
    agent = {"id": "a", "type": "agent", "config": {"prompt_ref": "ask@1"}}
    assert effective(AgentNode.model_validate(agent), version).tools == ["s3.fetch"]
    agent["config"] = {"prompt_ref": "ask@1", "tools": ["mine"]}
    assert effective(AgentNode.model_validate(agent), version).tools == ["mine"]


def test_a_plain_prompt_changes_nothing() -> None:
    one, plain = node(), PinnedPrompt(name="ask", version=1, template="Say", hash="0" * 64)
    assert effective(one, plain) is one.config
    assert effective(one, None) is one.config
