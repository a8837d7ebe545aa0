"""Where the characters of a derived text come from, in the text that it was derived from."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol


class Offsets(Protocol):
    """Leads from places in a derived text to places in its source. All are code points."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the source from which characters ``start`` to ``end`` were made."""
        ...


class Same:
    """Each character stands where it stood."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same)

    def __hash__(self) -> int:
        return 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        return start, end


class Reversed:
    """The text is the source of this length, read backwards."""

    def __init__(self, length: int) -> None:
        self._length = length

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._length - end, self._length - start


class PerCharacter:
    """Each character of the source became some characters, maybe none; ``parts`` are these, in order."""

    def __init__(self, parts: Sequence[str]) -> None:
        lengths = list(map(len, parts))
        self._starts = array("Q", (n for n, length in enumerate(lengths) for _ in range(length)))
        self._starts.append(len(parts))

    def span(self, start: int, end: int) -> tuple[int, int]:
        if end <= start:
            return self._starts[start], self._starts[start]
        # What was removed behind the last character belongs to it, so that a redaction leaves no remains.
        return self._starts[start], max(self._starts[end], self._starts[end - 1] + 1)


class Piece(NamedTuple):
    """Characters ``start`` to ``end`` of the source became ``text``; ``exact`` when one character became one."""

    start: int
    end: int
    text: str
    exact: bool = False


class Pieces:
    """The text is made of pieces. A part of one that is not exact leads to the whole piece."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._ends = list(accumulate(len(piece.text) for piece in pieces))
        self._pieces = pieces

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._place(start)[0], self._place(max(start, end - 1))[1]

    def _place(self, place: int) -> tuple[int, int]:
        at = min(bisect_right(self._ends, place), len(self._pieces) - 1)
        piece = self._pieces[at]
        if not piece.exact:
            return piece.start, piece.end
        start = min(piece.end, piece.start + place - self._ends[at] + len(piece.text))
        return start, min(piece.end, start + 1)
