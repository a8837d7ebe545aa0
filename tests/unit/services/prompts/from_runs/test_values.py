"""What a step was given, found from its run: each way in which a node gets its values."""

from typing import Any

import pytest

from schemas.spec.model import LlmConfig, LlmNode
from services.prompts.from_runs.values import Given, values_of

OUTPUTS: dict[str, Any] = {"split": ["x", "y"], "fetch": {"text": "long", "n": [1, 2]}}


def node(**config: Any) -> LlmNode:
    return LlmNode(id="ask", type="llm", config=LlmConfig(prompt_ref="p@1", **config))


def given(*before: str) -> Given:
    return Given({"who": "Ada", "list": [{"t": "u"}]}, OUTPUTS.__getitem__, before)


@pytest.mark.parametrize(
    ("config", "before", "index", "found"),
    [
        ({}, (), -1, {"who": "Ada"}),
        ({}, ("fetch",), -1, {"fetch": {"text": "long", "n": [1, 2]}}),
        (
            {"inputs": {"a": "fetch.output.n[1]", "b": "{{who}}!", "c": 7}},
            ("fetch",),
            -1,
            {"a": 2, "b": "Ada!", "c": 7},
        ),
        ({"inputs": {"a": {"literal": "{{who}}"}, "b": ["{{who}}"]}}, (), -1, {"a": "{{who}}", "b": ["Ada"]}),
        ({"parallel": True}, ("split",), 1, {"item": "y", "index": 1}),
        ({"parallel": True, "items": "{{list}}", "inputs": {"t": "{{item.t}}"}}, (), 0, {"t": "u"}),
        ({"parallel": True, "items": ["{{who}}", "b"]}, (), 0, {"item": "Ada", "who": "Ada"}),
    ],
)
def test_values_are_those_that_the_step_was_given(
    config: dict[str, Any], before: tuple[str, ...], index: int, found: dict[str, Any]
) -> None:
    assert values_of(node(**config), list(found), given(*before), index) == found


@pytest.mark.parametrize(
    ("config", "before", "name"),
    [
        ({}, (), "none"),
        ({}, ("fetch",), "who"),
        ({"inputs": {}}, (), "who"),
        ({"inputs": {"a": "gone.output"}}, (), "a"),
    ],
)
def test_a_value_that_is_nowhere_is_a_lookup_error(config: dict[str, Any], before: tuple[str, ...], name: str) -> None:
    with pytest.raises(LookupError):
        values_of(node(**config), [name], given(*before))
