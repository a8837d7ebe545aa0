"""The schema of a prompt's values: the guide's short form, and JSON Schema as it is."""

from typing import Any

import pytest

from services.prompts.registry.input_schemas import normalised, schema_problems


def test_the_short_form_becomes_a_schema_of_an_object() -> None:
    written = {"content": {"type": "string", "required": True}, "tone": {"type": "string", "required": False}}
    assert normalised(written) == {
        "type": "object",
        "properties": {"content": {"type": "string"}, "tone": {"type": "string"}},
        "required": ["content"],
    }


def test_a_variable_may_be_named_as_a_keyword_of_schemas() -> None:
    assert normalised({"type": {"type": "string"}})["properties"] == {"type": {"type": "string"}}


@pytest.mark.parametrize("schema", [{"type": "object"}, {"properties": {}}, {"$ref": "#/$defs/x", "$defs": {"x": {}}}])
def test_a_json_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert normalised(schema) == schema
    assert schema_problems("schema", schema) == []


@pytest.mark.parametrize("wrong", [{"type": "nothing"}, {"properties": {"a": 3}}, {"$ref": "#/$defs/x"}])
def test_what_is_no_schema_is_refused(wrong: dict[str, Any]) -> None:
    (problem,) = schema_problems("schema", wrong)
    assert (problem.path, bool(problem.fix)) == ("schema", True)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/x", "file:///etc/passwd", "https://example.com/schema"])
def test_nothing_outside_of_a_schema_is_ever_fetched(uri: str) -> None:
    (problem,) = schema_problems("schema", {"$ref": uri})
    assert "outside of the schema" in problem.message
