"""Spans of texts replaced."""

import pytest

from services.privacy.redact.spans import Span, replaced, replaced_in, slice_of


def test_spans_are_replaced_whatever_their_order() -> None:
    assert replaced("abcdef", [Span(4, 5, "X"), Span(0, 2, "")]) == "cdXf"
    assert replaced("abc", []) == "abc"


def test_places_of_a_value_are_replaced_and_the_rest_is_the_same() -> None:
    inner = {"deep": ["aXb", 1.5]}
    value = {"a": inner, "b": [True, None, 4111], "c": {"k": "v"}}
    found = replaced_in(value, {("a", "deep", 0): [Span(1, 2, "-")], ("b", 2): [Span(0, 4, "T")]})
    assert found == {"a": {"deep": ["a-b", 1.5]}, "b": [True, None, "T"], "c": {"k": "v"}}
    assert inner["deep"] == ["aXb", 1.5]
    assert found["c"] is value["c"]
    assert replaced_in("abc", {(): [Span(0, 3, "z")]}) == "z"


def test_a_path_to_no_text_is_an_error() -> None:
    with pytest.raises(TypeError):
        replaced_in({"a": None}, {("a",): [Span(0, 1, "")]})
    with pytest.raises(TypeError):
        replaced_in({"a": "x"}, {("a", 0): [Span(0, 1, "")]})
    with pytest.raises(LookupError):
        replaced_in([], {(0,): [Span(0, 1, "")]})


def test_a_slice_of_a_number_is_that_of_its_digits() -> None:
    assert slice_of(4111, 0, 2) == "41"
    assert slice_of(4111.0, 0, 4) == "4111"
    assert slice_of("text", 1, 3) == "ex"
