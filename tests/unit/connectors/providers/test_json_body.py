"""JSON of providers: half surrogate pairs become U+FFFD wherever they stand, and everything else is as it was."""

import json

import pytest

from connectors.providers.conversation import asked_for
from connectors.providers.json_body import NOT_UNICODE, joined_text, read_json


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"a": "cut \ud83d here"}', {"a": "cut \ufffd here"}),
        (rb'{"a": "cut \uD83D"}', {"a": "cut \ufffd"}),
        (rb'{"\ude00": ["\ude00", {"b": "x"}]}', {"\ufffd": ["\ufffd", {"b": "x"}]}),
        (b'{"a": "\xed\xa0\xbd"}', {"a": "\ufffd"}),
    ],
)
def test_half_a_surrogate_pair_is_replaced_and_noted(body: bytes, value: object) -> None:
    assert read_json(body) == (value, (NOT_UNICODE,))


@pytest.mark.parametrize("value", [{"a": "🙂", "b": ["한국어", 1, None, True]}, "\\ud83d", "퟿", "plain"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_whole_characters_stay(value: object, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == (value, ())


def test_arguments_of_a_call_are_replaced_too() -> None:
    assert asked_for("1", "t", r'{"a": "\ud83d"}').args == {"a": "\ufffd"}


def test_pairs_that_were_split_are_joined_and_half_ones_are_replaced_and_noted() -> None:
    assert joined_text({"a": ["\ud83d" + "\ude00"]}) == ({"a": ["\U0001f600"]}, ())
    assert joined_text({"\ud83d": 1}) == ({"\ufffd": 1}, ("text:not_unicode",))
    whole = {"a": "b"}
    assert joined_text(whole).value is whole
