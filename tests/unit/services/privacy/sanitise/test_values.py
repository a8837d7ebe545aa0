"""Texts of JSON values."""

import pytest

from services.privacy.sanitise.errors import TooDeep
from services.privacy.sanitise.values import MAX_DEPTH, visible_value


def test_texts_and_keys_lose_what_is_invisible() -> None:
    assert visible_value({"a\u200b": ["b\U000e0041", 1, None, {"c": True}]}) == {"a": ["b", 1, None, {"c": True}]}


def test_a_value_that_is_too_deep_is_refused() -> None:
    value: object = "x"
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(TooDeep):
        visible_value(value)  # type: ignore[arg-type]
