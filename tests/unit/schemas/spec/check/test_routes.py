"""A policy for routes is refused where it would change nothing."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.model import PinnedPrompt
from schemas.spec.text.document import document_of

PROMPTS = {"p@1": PinnedPrompt(name="p", version=1, template="Say it", hash="h")}
LEARN = {"by": "learn", "models": ["local/*"], "mean_cost_cents": "0.25"}


def document(node: dict[str, Any], route: Any = "learn") -> dict[str, Any]:
    return {"name": "flow", "version": 1, "dag": {"nodes": [{"id": "a", "policy": {"route": route}} | node]}}


def llm(**config: Any) -> dict[str, Any]:
    return {"type": "llm", "config": {"prompt_ref": "p@1"} | config}


def check(node: dict[str, Any], route: Any = "learn") -> None:
    check_spec(parse_workflow(document(node, route)), prompts=PROMPTS, tools=set(), functions=set())


def problem(node: dict[str, Any]) -> str:
    with pytest.raises(InvalidSpec) as caught:
        check(node)
    (one,) = caught.value.problems
    return str(one)


def test_route_of_a_model_node_is_accepted_and_keeps_its_meaning() -> None:
    spec = parse_workflow(document(llm(), LEARN))
    assert spec.dag.nodes[0].policy.route is not None
    assert parse_workflow(document_of(spec)) == spec
    check(llm(), LEARN)


@pytest.mark.parametrize("pin", [{"model": "gpt-5"}, {"provider": "openai", "model": "gpt-5"}])
def test_route_with_a_pinned_model_is_refused(pin: dict[str, str]) -> None:
    said = problem(llm(**pin))
    assert said.startswith("dag.nodes[0].policy.route: a pinned model is never routed")
    assert "route.models" in said


def test_route_of_a_node_that_asks_no_model_is_refused() -> None:
    said = problem({"type": "wait", "config": {"duration_ms": 1}})
    assert said.startswith("dag.nodes[0].policy.route: a node of type wait chooses no model")


def test_stream_of_a_model_node_is_accepted_and_of_another_node_refused() -> None:
    def streamed(node: dict[str, Any]) -> dict[str, Any]:
        return {"name": "flow", "version": 1, "dag": {"nodes": [{"id": "a", "policy": {"stream": True}} | node]}}

    spec = parse_workflow(streamed(llm()))
    assert spec.dag.nodes[0].policy.stream
    check_spec(spec, prompts=PROMPTS, tools=set(), functions=set())
    waits = parse_workflow(streamed({"type": "wait", "config": {"duration_ms": 1}}))
    with pytest.raises(InvalidSpec, match=r"dag\.nodes\[0\]\.policy\.stream: a node of type wait asks no model"):
        check_spec(waits, prompts=PROMPTS, tools=set(), functions=set())
