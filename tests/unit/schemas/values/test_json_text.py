"""The gate for JSON texts and values: what orjson alone would change silently is refused."""

import json
import math
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from schemas.errors import BadValue, Undecodable
from schemas.values.bounds import MAX_COUNT, MAX_DEPTH, MAX_INT, MAX_TEXT_DEPTH, MIN_INT
from schemas.values.json_text import has_nul, read_json, write_json


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def value_of(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (f"[{MIN_INT}, {MAX_INT}]".encode(), [MIN_INT, MAX_INT]),
        (b'"12345678901234567890"', "12345678901234567890"),
        (b"0.12345678901234567890", 0.12345678901234567890),
        (b"123456789012345678901.5", 123456789012345678901.5),
        (b"1e19", 1e19),
        (b'"\\\\u0000"', "\\u0000"),
        (b'{"a\\u0022": 1, "b": "\\u0022:"}', {'a"': 1, "b": '":'}),
        (b'{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (b'"\\ud83d\\ude00\\u00e9"', "\U0001f600é"),
        (nested(MAX_TEXT_DEPTH), json.loads(nested(MAX_TEXT_DEPTH))),
        (b'["' + b"[" * 5_000 + b'"]', ["[" * 5_000]),
    ],
)
def test_a_text_becomes_its_value(text: bytes, value: Any) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (b"{", "json", "not JSON"),
        (b"", "json", "not JSON"),
        (b"\xff", "json", "not JSON"),
        (b"NaN", "json", "not JSON"),
        (b'"\\ud800"', "json", "not JSON"),
        (b"\xef\xbb\xbf1", "json", "not JSON"),
        (b'{"x": 18446744073709551616}', "value", "x: it is an integer of over 64 bits"),
        (b'{"x": 18446744073709551615}', "value", "x: it is an integer of over 64 bits"),
        (b'{"x": [9223372036854775808]}', "value", r"x\[0\]: it is an integer of over 64 bits"),
        (b"-9223372036854775809", "value", "over 64 bits"),
        (b"9" * 400, "value", "beyond the range"),
        (b"1e400", "value", "beyond the range"),
        (b'{"a": 1, "a": 1}', "key", "the key 'a' occurs twice"),
        (b'{"a": 1, "\\u0061": 2}', "key", "the key 'a' occurs twice"),
        (b'[{"o": {"k": [1], "k": {"z": "\\""}}}]', "key", "the key 'k' occurs twice"),
        (b'{"q\\u0022\\u0022": 1, "a": 1, "a": 2}', "key", "the key 'a' occurs twice"),
        (b'{"role": "admin\\u0000guest"}', "value", "role: the text has the character U.0000"),
        (b'{"k\\u0000": 1}', "value", "the key 'k.u0000' has the character U.0000"),
        (b'["\\\\\\u0000"]', "value", "U.0000"),
        (nested(MAX_TEXT_DEPTH + 1), "depth", "nested"),
        (nested(300), "depth", "nested"),
        (nested(100_000), "depth", "nested"),
        (b"[" + b"0," * (MAX_COUNT + 1) + b"0]", "size", "over 2000000 keys and values"),
    ],
)
def test_a_text_that_would_change_is_refused(text: bytes, reason: str, message: str) -> None:
    with pytest.raises(Undecodable, match=message) as caught:
        read_json(text)
    assert caught.value.reason == reason
    assert isinstance(caught.value, BadValue) == (reason != "json")


def test_a_repeated_key_is_found_among_many_without_comparing_each_with_all() -> None:
    last = 200_000
    text = b"{" + b",".join(b'"k%d":0' % n for n in [*range(last + 1), last]) + b"}"
    with pytest.raises(BadValue, match=f"the key 'k{last}' occurs twice"):
        read_json(text)


def test_every_refusal_of_a_value_has_a_fix() -> None:
    for text in (b"1e400", b"[9223372036854775808]", b'{"a":1,"a":2}', b'"\\u0000"', nested(101), nested(2_000)):
        with pytest.raises(BadValue) as caught:
            read_json(text)
        assert caught.value.problem.fix


@pytest.mark.parametrize(
    "value",
    [
        None,
        [None],
        {"a": [1, 2.5, True, "é", "\\u0000"]},
        MIN_INT,
        MAX_INT,
        "1" * 30,
        value_of(MAX_DEPTH),
        -0.0,
        5e-324,
    ],
)
def test_a_value_written_is_read_as_itself(value: Any) -> None:
    assert orjson.loads(write_json(value)) == value == read_json(write_json(value))


@dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "nan is not a JSON value"),
        ({"a": [None, {"b": math.inf}]}, r"a\[1\].b: inf is not"),
        ((None, -math.inf), r"\[1\]: -inf is not"),
        (Point(math.nan), "NaN"),
        ([Point(math.inf), None], "NaN"),
        (2**63, "over 64 bits"),
        ({"n": [2**70]}, r"n\[0\]: it is an integer of over 64 bits"),
        (MIN_INT - 1, "over 64 bits"),
        ({"a": "x\0y"}, "a: the text has the character U.0000"),
        ("\ud800", "half of a surrogate pair, U.D800"),
        ({"\udfff": 1}, "the key '.udfff' has half"),
        ({1: 2}, "the key 1 is not text"),
        ({None: 2}, "the key null is not text"),
        ([b"x"], r"\[0\]: a bytes is not a JSON value"),
        ({"a": {1}}, "a: a set is not a JSON value"),
        (value_of(MAX_DEPTH + 1), "nested"),
        ({"long": "x" * 5_000, "deep": value_of(MAX_DEPTH)}, "nested"),
    ],
)
def test_a_value_that_would_change_is_refused(value: Any, message: str) -> None:
    with pytest.raises(BadValue, match=message) as caught:
        write_json(value)
    assert caught.value.problem.fix
    str(caught.value).encode()  # an error is sent as UTF-8


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(BadValue, match="nested"):
        write_json(value)


def test_dataclasses_and_tuples_are_written_as_before() -> None:
    assert write_json({"p": Point(1.5), "t": (1, None)}) == b'{"p":{"x":1.5},"t":[1,null]}'


@pytest.mark.parametrize(("text", "found"), [(b'"\\u0000"', True), (b'"\\\\u0000"', False), (b'"\\\\\\u0000"', True)])
def test_nul_is_told_from_an_escaped_backslash(text: bytes, found: bool) -> None:
    assert has_nul(text) is found
