"""Schemas of users: what they find, and that they fetch nothing."""

from typing import Any

import pytest

from schemas.values.json_schemas import MAX_SHOWN, BadSchema, check_schema, schema_problems, violations

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "day": {"type": "string", "format": "date"}},
    "required": ["n"],
}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"n": 1, "day": "2026-11-29"}, ()),
        ({}, ('$: "n" is a required property',)),
        ({"n": "secret"}, ('$.n: the value is not of type "integer"',)),
        ({"n": 1, "day": "secret"}, ('$.day: the value is not a "date"',)),
        ([1], ('$: the value is not of type "object"',)),
    ],
)
def test_a_violation_has_its_path_and_what_is_expected_and_never_the_value(value: Any, found: tuple[str, ...]) -> None:
    assert violations(SCHEMA, value) == found


def test_few_violations_are_shown_and_a_list_has_indices() -> None:
    found = violations({"items": {"type": "integer"}}, ["x"] * 10)
    assert len(found) == MAX_SHOWN
    assert found[1].startswith("$[1]: ")


@pytest.mark.parametrize(
    "schema",
    [{"type": "objekt"}, {"$ref": "http://127.0.0.1:1/schema.json"}, {"$ref": "file:///etc/passwd"}, {"pattern": "("}],
)
def test_no_schema_and_a_reference_outside_of_it_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadSchema):
        check_schema(schema)
    with pytest.raises(BadSchema):
        violations(schema, {})


def test_a_reference_inside_of_it_is_followed() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert violations(schema, {"a": 1}) == ()
    assert violations(schema, {"a": "x"}) != ()


@pytest.mark.parametrize("wrong", [{"type": "nothing"}, {"properties": {"a": 3}}, {"$ref": "#/$defs/x"}])
def test_what_is_no_schema_is_a_problem_at_its_place(wrong: dict[str, Any]) -> None:
    (problem,) = schema_problems("schema", wrong)
    assert (problem.path, bool(problem.fix)) == ("schema", True)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/x", "file:///etc/passwd", "https://example.com/schema"])
def test_a_schema_elsewhere_is_a_problem(uri: str) -> None:
    (problem,) = schema_problems("schema", {"$ref": uri})
    assert problem.message.startswith("is no JSON schema")
