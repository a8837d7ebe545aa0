"""Which nodes may say that their calls go by batch."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.model import PinnedPrompt
from schemas.spec.text.document import document_of

PROMPTS = {"p@1": PinnedPrompt(name="p", version=1, template="Say it", hash="h")}
OPENAI = {"provider": "openai", "model": "gpt-4o-mini"}
ANTHROPIC = {"provider": "anthropic", "model": "claude-3-5-haiku-latest"}
GOOGLE = {"provider": "google", "model": "gemini-2.5-flash"}


def node(mode: str, config: dict[str, str], **policy: Any) -> dict[str, Any]:
    return {"id": "a", "type": "llm", "config": {"prompt_ref": "p@1"} | config, "policy": {"batch": mode} | policy}


def problems(one: dict[str, Any]) -> list[str]:
    spec = parse_workflow({"name": "flow", "version": 1, "dag": {"nodes": [one]}})
    assert parse_workflow(document_of(spec)) == spec
    try:
        check_spec(spec, prompts=PROMPTS, tools=set(), functions=set())
    except InvalidSpec as exc:
        return [str(problem) for problem in exc.problems]
    return []


@pytest.mark.parametrize("config", [OPENAI, ANTHROPIC])
def test_only_is_accepted_where_the_pinned_provider_has_a_batch_api(config: dict[str, str]) -> None:
    assert problems(node("only", config)) == []


@pytest.mark.parametrize("config", [{}, GOOGLE, OPENAI])
def test_auto_and_never_are_accepted_everywhere(config: dict[str, str]) -> None:
    assert problems(node("auto", config)) == []
    assert problems(node("never", config, stream=True)) == []


@pytest.mark.parametrize(("config", "said"), [({}, "no provider is pinned"), (GOOGLE, "'google' has no batch API")])
def test_only_is_refused_without_a_provider_that_has_a_batch_api(config: dict[str, str], said: str) -> None:
    (problem,) = problems(node("only", config))
    assert problem.startswith("dag.nodes[0].policy.batch: ")
    assert said in problem
    assert "pin `provider` anthropic or openai" in problem


def test_a_stream_by_batch_is_refused() -> None:
    (problem,) = problems(node("auto", OPENAI, stream=True))
    assert problem.startswith("dag.nodes[0].policy.stream: the answer of a batch is never streamed")


def test_a_node_that_asks_no_model_is_refused() -> None:
    one = {"id": "a", "type": "wait", "config": {"duration_ms": 1}, "policy": {"batch": "auto"}}
    (problem,) = problems(one)
    assert "asks no model" in problem
