"""Records as they travel between cells, packed into parts that a request takes."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

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
    pack = _Pack(_weight)
    async for row in rows:
        if full := pack.add(row):
            yield msgspec.json.encode(full)
    if pack.things:
        yield msgspec.json.encode(pack.things)


def in_packs(found: Iterable[T], weigh: Callable[[T], int]) -> list[list[T]]:
    """Return things in packs, each of which is full or the last one."""
    pack = _Pack(weigh)
    packs = [full for one in found if (full := pack.add(one))]
    return [*packs, pack.things] if pack.things else packs


class _Pack(Generic[T]):
    """The pack that is being filled."""

    def __init__(self, weigh: Callable[[T], int]) -> None:
        self.things: list[T] = []
        self._weigh = weigh
        self._size = 0

    def add(self, thing: T) -> list[T]:
        """Add a thing; return the pack before it if that was full, and begin another one."""
        full: list[T] = []
        if self._size > _PART_BYTES or len(self.things) >= FIELDS_OF_PART:
            full, self.things, self._size = self.things, [], 0
        self.things.append(thing)
        self._size += self._weigh(thing)
        return full


def _weight(row: Row) -> int:
    return len(row.key or b"") + len(row.value or b"")
