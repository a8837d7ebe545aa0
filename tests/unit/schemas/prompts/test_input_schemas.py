"""The schema of a prompt's values in its three notations, as JSON Schema."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.prompts.input_schemas import input_schema_of, schema_of
from schemas.prompts.picoschema import picoschema
from tests.support.suites import suite

_WORDS = st.sampled_from(["type", "required", "properties", "string", "a", "b?", "(*)", "x(array)", "y(enum, d)", ""])


def test_picoschema_suite_of_dotprompt_passes_as_a_whole() -> None:
    compared = 0
    for case in suite("dotprompt", "picoschema.yaml"):
        written = yaml.safe_load(case["template"].split("---")[1])
        for side in ("input", "output"):
            for test in case["tests"]:
                if side not in test["expect"]:
                    continue
                found = schema_of(written[side]["schema"], named=case.get("schemas", {}))
                assert _sorted(found) == _sorted(test["expect"][side]["schema"]), case["name"]
                compared += 1
    assert compared == 21


def _sorted(schema: Any) -> Any:
    """The order of required names means nothing."""
    return {**schema, "required": sorted(schema["required"])} if "required" in schema else schema


def test_short_form_of_the_guide_requires_what_says_so() -> None:
    written = {
        "content": {"type": "string", "required": True},
        "tone": {"type": "string", "required": False, "enum": ["dry", "warm"]},
        "limit": {"type": "integer", "minimum": 1},
    }
    assert input_schema_of(written) == {
        "type": "object",
        "properties": {
            "content": {"type": "string"},
            "tone": {"type": "string", "enum": ["dry", "warm"]},
            "limit": {"type": "integer", "minimum": 1},
        },
        "required": ["content"],
    }


def test_short_form_reaches_into_objects() -> None:
    inner = {"id": {"type": "integer", "required": True}, "note": {"type": "string"}}
    found = input_schema_of({"user": {"type": "object", "required": True, "properties": inner}})
    assert found["required"] == ["user"]
    assert found["properties"]["user"] == {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["id"],
    }


@pytest.mark.parametrize(
    "document",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        {"allOf": [{"required": ["a"]}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        {},
        {"type": "object", "properties": {"a": {"type": "string", "x-order": 1}}, "x-order": ["a"]},
    ],
)
def test_json_schema_passes_through(document: dict[str, Any]) -> None:
    assert input_schema_of(document) == document


@pytest.mark.parametrize("word", ["type", "title", "properties", "description", "format", "items"])
@pytest.mark.parametrize("notation", ["short", "pico"])
def test_variables_may_have_the_names_of_keywords(word: str, notation: str) -> None:
    short = {word: {"type": "string", "required": True}, "content": {"type": "string", "required": True}}
    found = input_schema_of(short if notation == "short" else {word: "string", "content": "string"})
    assert set(found["properties"]) == set(found["required"]) == {word, "content"}
    assert found["properties"][word] == {"type": "string"}


def test_picoschema_of_a_nested_object_without_its_type_is_an_object() -> None:
    assert input_schema_of({"user": {"name": "string"}})["properties"]["user"]["required"] == ["name"]


@pytest.mark.parametrize(
    ("document", "place", "words"),
    [
        ({"a": "strnig"}, "schema.a", "no type 'strnig'"),
        ({"a": {"type": "strnig", "required": True}}, "schema.a.type", "no type 'strnig'"),
        ({"a": {"type": "string", "required": "yes"}}, "schema.a.required", "write true or false"),
        ({"a(list)": "string"}, "schema.a", "no type '(list)'"),
        ({"a(array": "string"}, "schema.a(array", "not closed"),
        ({"a(enum)": "red"}, "schema.a", "enum without choices"),
        ({"a(object)": "string"}, "schema.a", "object without fields"),
        ({"a": "string", "a?": "string"}, "schema.a", "given twice"),
        ({"a": "string", "b": {"type": "string", "required": True}}, "schema.b", "among fields in Picoschema"),
        ({"a": 3}, "schema.a", "is no schema"),
        ({3: "string"}, "schema", "the name of a field is 3"),
        ({"(array)": "string"}, "schema.(array)", "names no field"),
        ("string", "schema", "the values of a prompt are an object"),
        ({"type": "array", "items": {"type": "string"}}, "schema", "the values of a prompt are an object"),
        (["a"], "schema", "is no schema"),
    ],
)
def test_a_wrong_schema_is_refused_with_its_place_and_a_fix(document: Any, place: str, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        input_schema_of(document)
    [problem] = raised.value.problems
    assert problem.path == place
    assert words in str(problem)
    assert problem.fix


def test_a_schema_without_end_is_refused() -> None:
    deep: Any = "string"
    for _ in range(100):
        deep = {"a(object)": {"b": deep}}
    with pytest.raises(InvalidInput, match="nested more than 32 times"):
        input_schema_of(deep)


def test_a_named_schema_is_not_changed() -> None:
    named = {"Foo": {"type": "number", "description": "a foo"}}
    assert picoschema({"a?": "Foo, another"}, named=named)["properties"]["a"]["description"] == "another"
    assert named == {"Foo": {"type": "number", "description": "a foo"}}


_DOCUMENTS = st.recursive(
    st.one_of(_WORDS, st.booleans(), st.none(), st.lists(_WORDS, max_size=2)),
    lambda inner: st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(_DOCUMENTS)
def test_any_document_is_refused_or_becomes_a_schema_that_passes_through(document: Any) -> None:
    try:
        found = input_schema_of(document)
    except InvalidInput:
        return
    assert input_schema_of(found) == found
