"""Records in parts: none is lost, none is out of order, no part has more than a request takes."""

from collections.abc import AsyncIterator

import pytest

from services.cells import parts
from services.cells.parts import Row, parts_as_they_come, parts_of, rows_in

ROWS = [Row(f"k{n}".encode(), b"x" * size, (("h", None),)) for n, size in enumerate([0, 30, 90, 500, 1, 1, 1, 1, 1])]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_PART_BYTES", 100)
    monkeypatch.setattr(parts, "FIELDS_OF_PART", 3)


async def come(rows: list[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row


async def test_rows_that_come_one_by_one_are_in_the_same_parts_as_a_list() -> None:
    found = [part async for part in parts_as_they_come(come(ROWS))]
    assert found == parts_of(ROWS)
    assert [row for part in found for row in rows_in(part)] == ROWS
    assert [len(rows_in(part)) for part in found] == [3, 1, 3, 2]


async def test_no_more_than_one_part_is_held() -> None:
    taken = 0

    async def counted() -> AsyncIterator[Row]:
        nonlocal taken
        for row in ROWS:
            taken += 1
            yield row

    async for _ in parts_as_they_come(counted()):
        assert taken == 4  # three of the first part, and the one that did not fit
        break


async def test_of_nothing_there_is_no_part() -> None:
    assert [part async for part in parts_as_they_come(come([]))] == []
