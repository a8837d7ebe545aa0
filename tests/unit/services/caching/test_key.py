"""The key of an answer: another one for each difference that matters, and the same for what means the same."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.providers.base import ModelRequest, OutputSchema
from connectors.providers.conversation import Asked as AskedTool
from connectors.providers.conversation import Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from services.caching.key import NOT_PART, Asked, digest_of

REQUEST = ModelRequest(model="m", prompt="Say x", max_tokens=100, idempotency_key="k")
ASKED = Asked("acme", "local", REQUEST, "ask", 1)

#: A value for each field that differs from its default; a field that is new must be added here, or to ``NOT_PART``.
OTHERS: dict[str, Any] = {
    "model": "n",
    "prompt": "Say y",
    "max_tokens": 101,
    "temperature": 0.5,
    "tools": (ToolSpec("t", "a tool", {"type": "object"}),),
    "turns": (Turn("so", (AskedTool("1", "t", {"a": 1}),), ("r",)),),
    "pictures": (ImageInput("image/png", b"bytes"),),
    "system": "Be brief.",
    "developer": "Never lie.",
    "history": (Said("user", "Hi"),),
    "tool_choice": "none",
    "output_schema": OutputSchema({"type": "object"}),
    "stop": ("END",),
    "seed": 7,
    "reasoning_effort": "low",
    "top_p": 0.5,
    "parallel_tools": False,
    "options": {"openai": {"user": "u"}},
}

_texts = st.text(max_size=6)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | _texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_texts, inner, max_size=2),
    max_leaves=4,
)
_objects = st.dictionaries(_texts, _json, max_size=3)
_calls = st.builds(AskedTool, _texts, _texts, _objects)
_requests = st.builds(
    ModelRequest,
    model=st.sampled_from(["m", "n"]),
    prompt=_texts,
    max_tokens=st.integers(1, 3),
    idempotency_key=_texts,
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    timeout_s=st.floats(1, 9),
    tools=st.lists(st.builds(ToolSpec, _texts, _texts, _objects), max_size=2).map(tuple),
    turns=st.lists(
        st.builds(Turn, _texts, st.lists(_calls, max_size=2).map(tuple), st.lists(_texts, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
    pictures=st.lists(st.builds(ImageInput, st.just("image/png"), st.binary(max_size=3)), max_size=2).map(tuple),
    attempt=st.integers(0, 9),
    system=_texts,
    developer=_texts,
    history=st.lists(st.builds(Said, st.sampled_from(["user", "assistant"]), _texts), max_size=2).map(tuple),
    tool_choice=st.sampled_from(["auto", "none"]),
    output_schema=st.none() | st.builds(OutputSchema, _objects),
    stop=st.lists(_texts, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2),
    reasoning_effort=st.sampled_from([None, "low", "high"]),
    top_p=st.none() | st.sampled_from([0.5, 1.0]),
    parallel_tools=st.none() | st.booleans(),
    silence_s=st.floats(1, 9),
)


def meaning(request: ModelRequest) -> object:
    """Return what two requests with one key must have in common, compared by Python itself."""
    values = {field.name: getattr(request, field.name) for field in fields(request) if field.name not in NOT_PART}
    return values | {"stop": sorted(request.stop)}


def test_every_field_of_a_request_is_named_here() -> None:
    assert set(OTHERS) | NOT_PART == {field.name for field in fields(ModelRequest)}


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_another_value_of_a_field_is_another_key(name: str) -> None:
    changes = {name: OTHERS[name]}
    assert digest_of(replace(ASKED, request=replace(REQUEST, **changes))) != digest_of(ASKED)


@pytest.mark.parametrize(
    "changes",
    [{"org_id": "b"}, {"provider": "p"}, {"prompt_name": "b"}, {"prompt_version": 2}, {"data_class": "secret"}],
)
def test_another_organisation_prompt_version_or_data_class_is_another_key(changes: dict[str, Any]) -> None:
    assert digest_of(replace(ASKED, **changes)) != digest_of(ASKED)


@pytest.mark.parametrize(
    "changes", [{"idempotency_key": "other"}, {"timeout_s": 1.0}, {"attempt": 3}, {"silence_s": 1.0}]
)
def test_what_belongs_to_the_try_is_no_part_of_the_key(changes: dict[str, Any]) -> None:
    assert digest_of(replace(ASKED, request=replace(REQUEST, **changes))) == digest_of(ASKED)


def test_what_means_the_same_has_the_same_key() -> None:
    one = replace(REQUEST, output_schema=OutputSchema({"a": 1, "b": 2}), stop=("x", "y"), temperature=1.0)
    other = replace(REQUEST, output_schema=OutputSchema({"b": 2, "a": 1}), stop=("y", "x"), temperature=1)
    assert digest_of(replace(ASKED, request=one)) == digest_of(replace(ASKED, request=other))


@given(_requests, _requests)
def test_keys_are_equal_exactly_when_the_meanings_are(one: ModelRequest, other: ModelRequest) -> None:
    keys = [digest_of(replace(ASKED, request=request)) for request in (one, other)]
    assert (keys[0] == keys[1]) == (meaning(one) == meaning(other))


@given(_requests, st.sampled_from(sorted(OTHERS)))
def test_one_changed_field_of_any_request_changes_the_key(request: ModelRequest, name: str) -> None:
    changes = {name: OTHERS[name]}
    changed = replace(request, **changes)
    keys = [digest_of(replace(ASKED, request=one)) for one in (request, changed)]
    assert (keys[0] == keys[1]) == (meaning(request) == meaning(changed))


def test_without_prompt_only_the_rest_counts() -> None:
    other = replace(ASKED, request=replace(REQUEST, prompt="Say y"))
    assert digest_of(ASKED, without_prompt=True) == digest_of(other, without_prompt=True)
    assert digest_of(replace(ASKED, org_id="b"), without_prompt=True) != digest_of(ASKED, without_prompt=True)
