"""The framing of records whose schema is in a registry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRecord
from schemas.triggers.framing import Framed, framed, message_place, place_bytes, unframed


@given(st.integers(0, 2**32 - 1), st.binary(max_size=50))
def test_framed_is_read_back(schema_id: int, data: bytes) -> None:
    assert unframed(framed(schema_id, data)) == Framed(schema_id, data)


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=32), st.binary(max_size=20))
def test_place_is_read_back(place: list[int], data: bytes) -> None:
    assert message_place(place_bytes(tuple(place)) + data) == (tuple(place), data)


def test_bytes_are_those_of_the_format() -> None:
    assert framed(258, b"x") == b"\0\0\0\1\2x"
    assert place_bytes((0,)) == b"\0"
    # Two indexes, 1 and 0, each as zigzag.
    assert place_bytes((1, 0)) == b"\x04\x02\x00"


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\1", b'{"a":1}', b"\1\0\0\0\1x"])
def test_unframed_refuses(value: bytes | None) -> None:
    with pytest.raises(BadRecord):
        unframed(value)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x04\x02", b"\xff\xff\xff\xff\xff\x01", b"\x81\x01", b"\x03"])
def test_message_place_refuses(data: bytes) -> None:
    with pytest.raises(BadRecord):
        message_place(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        place, rest = message_place(data)
    except BadRecord:
        return
    assert len(rest) < len(data)
    assert place
