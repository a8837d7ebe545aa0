"""Schemas of prompts are JSON schemas, and nothing outside of them is fetched."""

from typing import Any

import pytest

from services.prompts.registry.json_schemas import schema_problems


@pytest.mark.parametrize("schema", [{"type": "object"}, {"properties": {}}, {"$ref": "#/$defs/x", "$defs": {"x": {}}}])
def test_a_json_schema_has_no_problem(schema: dict[str, Any]) -> None:
    assert schema_problems("schema", schema) == []


@pytest.mark.parametrize("wrong", [{"type": "nothing"}, {"properties": {"a": 3}}, {"$ref": "#/$defs/x"}])
def test_what_is_no_schema_is_refused(wrong: dict[str, Any]) -> None:
    (problem,) = schema_problems("schema", wrong)
    assert (problem.path, bool(problem.fix)) == ("schema", True)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/x", "file:///etc/passwd", "https://example.com/schema"])
def test_nothing_outside_of_a_schema_is_ever_fetched(uri: str) -> None:
    (problem,) = schema_problems("schema", {"$ref": uri})
    assert "outside of the schema" in problem.message
