"""Options for providers: handed on, except what AgentFlow sets or what would cost more than is held."""

from typing import Any

import pytest

from schemas.spec.policy import Policy
from schemas.spec.provider_options import MOST_BYTES, merged


def test_options_that_nobody_knows_are_taken() -> None:
    options: dict[str, dict[str, Any]] = {
        "openai": {"user": "team-7", "service_tier": "flex", "metadata": {"model": "x"}},
        "google": {"safetySettings": [], "generationConfig": {"topK": 4}},
    }
    assert Policy(provider_options=options).provider_options == options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"openai": {"model": "gpt-4"}}, r"openai\.model is set by AgentFlow; remove it"),
        ({"openai": {"max_completion_tokens": 9}}, r"openai\.max_completion_tokens is set"),
        ({"google": {"generationConfig": {"maxOutputTokens": 9}}}, r"google\.maxOutputTokens is set"),
        ({"openai": {"n": 4}}, r"openai\.n changes what a call costs"),
        ({"google": {"generationConfig": {"candidateCount": 2}}}, r"google\.candidateCount changes"),
        ({"": {"a": 1}}, "is not the name of a provider"),
        ({"openai": {"user": "x" * MOST_BYTES}}, "bytes; shorten it"),
    ],
)
def test_what_would_override_or_cost_more_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Policy(provider_options=options)


def test_objects_are_merged_and_a_field_that_is_there_is_named() -> None:
    body = {"a": 1, "b": {"c": 2}}
    assert merged(body, {"d": 3, "b": {"e": 4}}) == ({"a": 1, "b": {"c": 2, "e": 4}, "d": 3}, None)
    assert merged(body, {"b": {"c": 9}})[1] == "b.c"
    assert merged(body, {"a": 1})[1] == "a"
    assert body == {"a": 1, "b": {"c": 2}}
