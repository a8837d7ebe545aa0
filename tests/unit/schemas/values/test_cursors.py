"""Places in lists as texts for URLs."""

import re

import pytest

from schemas.values.cursors import packed, unpacked


@pytest.mark.parametrize("place", [[], [1, "a"], [-(2**63), "é\n", "/+="], ["x" * 100, 0]])
def test_a_place_is_read_as_it_was_written(place: list[str | int]) -> None:
    text = packed(place)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert unpacked(text) == place


@pytest.mark.parametrize("text", ["", "x", "é", "bm9uZQ", "MQ", "e30", "bnVsbA"])
def test_a_text_that_is_no_place_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text of base64 and of JSON differ
        unpacked(text)
