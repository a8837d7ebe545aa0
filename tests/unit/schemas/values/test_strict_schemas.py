"""Schemas by which the engine checks: which are refused, and the errors of a value that breaks one."""

import time
from typing import Any

import pytest

from schemas.values.json_schemas import BadSchema
from schemas.values.strict_schemas import MAX_SCHEMA_BYTES, broken_keywords, check_strict, misfits, strict_problems

ORDER = {
    "type": "object",
    "properties": {"lines": {"type": "array", "items": {"type": "object", "required": ["price"]}}},
    "required": ["lines"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nothing"}, "is not valid"),
        ({"$ref": "https://example.com/other.json"}, "example.com"),
        ({"$ref": "file:///etc/passwd"}, "passwd"),
        ({"pattern": r"^(?=a)b$"}, 'is not a "regex"'),
        ({"pattern": r"(a)\1"}, 'is not a "regex"'),
        ({"description": "x" * MAX_SCHEMA_BYTES}, f"the most is {MAX_SCHEMA_BYTES}"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], said: str):
    with pytest.raises(BadSchema, match="regex" if "regex" in said else said):
        check_strict(schema)
    (problem,) = strict_problems("output_schema", schema)
    assert problem.path == "output_schema"
    if "description" not in schema:
        assert misfits(schema, {}), "what cannot be checked does not pass"


def test_what_it_refers_to_may_be_in_its_own_definitions():
    check_strict({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}})


def test_misfits_are_places_without_values():
    value = {"lines": [{"price": 1}, {"secret": "hunter2"}], "more": "hunter2"}
    found = dict(misfits(ORDER, value))
    assert found.keys() == {"$.lines[1]", "$"}
    assert "hunter2" not in str([one for one in found.values() if "more" not in one])
    assert misfits(ORDER, {"lines": []}) == ()
    assert set(broken_keywords(ORDER, value)) == {"$.lines[1] breaks `required`", "$ breaks `additionalProperties`"}


def test_a_pattern_that_others_match_in_exponential_time_is_matched_at_once():
    started = time.perf_counter()
    assert misfits({"pattern": "^(a+)+$"}, "a" * 50_000 + "!")
    assert time.perf_counter() - started < 2
