"""Whether an answer follows its schema: strictly, or leniently where that is wanted."""

import json

import pytest

from schemas.prompts.answers import read_answer
from schemas.prompts.output_check import NOT_CHECKED, REPAIRED, checked

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.mark.parametrize("text", ['{"n": 1}', ' {"n": 1}\n', '```json\n{"n": 1}\n```'])
def test_an_answer_that_follows_stays_as_it_is(text: str) -> None:
    assert checked(text, SCHEMA, lenient=True) == (text, "", None)


@pytest.mark.parametrize("text", ["{'n': 1}", 'Sure: {"n": 1}', '{"n": 1,}', '{"n": 1'])
def test_an_answer_that_nearly_follows_is_read_leniently_only_where_that_is_wanted(text: str) -> None:
    found = checked(text, SCHEMA, lenient=True)
    assert (json.loads(found.text), found.note, found.problem) == ({"n": 1}, REPAIRED, None)
    strict = checked(text, SCHEMA, lenient=False)
    assert strict.problem is not None
    assert strict.problem.code == "invalid_output"


@pytest.mark.parametrize("text", ["", "no", '{"n": "one"}', "{'m': 1}", '{"n": 1, "m": 2}'])
def test_an_answer_that_does_not_follow_even_then_is_a_problem(text: str) -> None:
    found = checked(text, SCHEMA, lenient=True)
    assert found.problem is not None
    assert (found.problem.text, found.problem.retryable, found.problem.cut_off) == (text, False, False)


def test_an_answer_that_was_cut_off_gets_no_invented_end() -> None:
    found = checked('{"n": 1', SCHEMA, lenient=True, cut_off=True)
    assert found.problem is not None
    assert found.problem.cut_off
    assert "raise max_tokens" in str(found.problem)


def test_no_message_has_the_answer() -> None:
    found = checked('{"n": "secret-word"}', SCHEMA, lenient=False)
    assert found.problem is not None
    assert "secret-word" not in f"{found.problem} {found.problem.details}"


def test_a_schema_that_nobody_can_use_is_noted_and_stops_nothing() -> None:
    assert checked("x", {"type": "objekt"}, lenient=False) == ("x", NOT_CHECKED, None)


def test_with_a_schema_every_json_value_is_one() -> None:
    assert read_answer("5") == "5"
    assert read_answer("5", has_schema=True) == 5
    assert read_answer('"five"', has_schema=True) == "five"
    assert read_answer("five", has_schema=True) == "five"
