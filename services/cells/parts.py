"""Records as they travel between cells, packed into parts that a request takes."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

#: Entries of money, definitions or events in one record or part: a record has less than a MiB.
FIELDS_OF_PART = 2_000
_PART_BYTES = 700_000
T = TypeVar("T")


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A record as it travels."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


_ROWS = msgspec.json.Decoder(list[Row])


def rows_in(part: bytes) -> list[Row]:
    """Return the records of a part. Raises ``msgspec.DecodeError``."""
    return _ROWS.decode(part)


def parts_of(rows: Sequence[Row]) -> list[bytes]:
    """Return records in parts."""
    return [msgspec.json.encode(part) for part in in_packs(rows, _weight)]


async def parts_as_they_come(rows: AsyncIterable[Row]) -> AsyncGenerator[bytes]:
    """Yield records in parts, and hold no more than one of these."""
    part: list[Row] = []
    size = 0
    async for row in rows:
        if size > _PART_BYTES or len(part) >= FIELDS_OF_PART:
            yield msgspec.json.encode(part)
            part, size = [], 0
        part.append(row)
        size += _weight(row)
    if part:
        yield msgspec.json.encode(part)


def in_packs(found: Iterable[T], weigh: Callable[[T], int]) -> list[list[T]]:
    """Return things in packs, each of which is full or the last one."""
    packs: list[list[T]] = []
    size = _PART_BYTES + 1
    for one in found:
        if size > _PART_BYTES or len(packs[-1]) >= FIELDS_OF_PART:
            packs.append([])
            size = 0
        packs[-1].append(one)
        size += weigh(one)
    return packs


def _weight(row: Row) -> int:
    return len(row.key or b"") + len(row.value or b"")
