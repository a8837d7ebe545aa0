"""A binary copy is cut between rows, wherever its bytes are cut on their way."""

import struct

import pytest

from connectors.postgres.cells.binary_rows import END, HEAD, Cutter


def row(*fields: bytes | None) -> bytes:
    body = b"".join(struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in fields)
    return struct.pack("!h", len(fields)) + body


ROWS = [row(b"a" * n, None, b"\xff\xff") for n in (0, 5, 300, 7, 1)]
WHOLE = HEAD + b"".join(ROWS) + END


def cut(data: bytes, most: int, piece: int) -> list[bytes]:
    cutter = Cutter(most)
    found = [part for at in range(0, len(data), piece) for part in cutter.take(data[at : at + piece])]
    return [*found, *cutter.rest()]


@pytest.mark.parametrize("piece", [1, 3, 19, 10_000])
@pytest.mark.parametrize("most", [1, 40, 10_000])
def test_the_rows_of_all_parts_are_the_rows_in_their_order(most: int, piece: int) -> None:
    parts = cut(WHOLE, most, piece)
    assert all(part.startswith(HEAD) and part.endswith(END) for part in parts)
    assert b"".join(part[len(HEAD) : -len(END)] for part in parts) == b"".join(ROWS)
    assert len(parts) == {1: 5, 40: 3, 10_000: 1}[most]


def test_no_rows_are_no_part() -> None:
    assert cut(HEAD + END, 100, 4) == []


def test_a_copy_without_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        cut(WHOLE[:-2], 100, 50)


def test_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="no binary copy"):
        cut(b"a,b,c\n" * 10, 100, 50)
