"""Two sequences aligned: which places of one are which of the other.

What occurs once in both, in the same order, is an anchor (patience diff, Bram Cohen). Between anchors the best
alignment is found by dynamic programming (Needleman and Wunsch, 1970) within a band around the diagonal, as far as the
stretches are small enough; larger ones, which have nothing in common that is unique, are paired in order.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

#: A pair of indexes. ``None`` on one side: the other has nothing like it here.
Pair = tuple[int | None, int | None]
#: How far from the diagonal a pair may be, beyond the difference of the lengths.
BAND = 24
#: Cells of the table of one stretch. So many take a quarter of a second.
MAX_CELLS = 250_000
_GAP = -1.0
_NEVER = float("-inf")


def align(a: Sequence[T], b: Sequence[T], alike: Callable[[T, T], float]) -> list[Pair]:
    """Return the pairs of two sequences in order; every index is in one pair.

    Equal items are surely the same. ``alike`` says how alike two are, up to 3; a gap costs 1, so items are paired
    from -2 on.
    """
    if a == b:
        return [(n, n) for n in range(len(a))]
    pairs: list[Pair] = []
    at_a = at_b = 0
    for next_a, next_b in [*_anchors(a, b), (len(a), len(b))]:
        if at_a < next_a or at_b < next_b:
            pairs += _stretch(a[at_a:next_a], b[at_b:next_b], (at_a, at_b), alike)
        if next_a < len(a):
            pairs.append((next_a, next_b))
        at_a, at_b = next_a + 1, next_b + 1
    return pairs


def _anchors(a: Sequence[T], b: Sequence[T]) -> list[tuple[int, int]]:
    """Return pairs of equal items in the order of both: equal ends, then the longest rising run of unique ones."""
    first, least = 0, min(len(a), len(b))
    while first < least and a[first] == b[first]:
        first += 1
    last = 0
    while last < least - first and a[-1 - last] == b[-1 - last]:
        last += 1
    middle = _unique(a[first : len(a) - last], b[first : len(b) - last])
    tail = [(len(a) - n, len(b) - n) for n in range(last, 0, -1)]
    return [*((n, n) for n in range(first)), *((first + i, first + j) for i, j in middle), *tail]


def _unique(a: Sequence[T], b: Sequence[T]) -> list[tuple[int, int]]:
    if len(a) < 2 or len(b) < 2:
        return [(n, b.index(one)) for n, one in enumerate(a[:1]) if one in b] if len(a) == 1 else []
    often_a, often_b = Counter(a), Counter(b)
    places = {one: n for n, one in enumerate(b) if often_b[one] == 1}
    return _rising([(n, places[one]) for n, one in enumerate(a) if often_a[one] == 1 and one in places])


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence whose second members rise, by patience sorting."""
    ends: list[int] = []
    ends_at: list[int] = []
    before: list[int] = []
    for n, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        before.append(ends_at[at - 1] if at else -1)
        ends[at : at + 1] = [place]
        ends_at[at : at + 1] = [n]
    found: list[tuple[int, int]] = []
    n = ends_at[-1] if ends_at else -1
    while n >= 0:
        found.append(pairs[n])
        n = before[n]
    return found[::-1]


def _stretch(a: Sequence[T], b: Sequence[T], at: tuple[int, int], alike: Callable[[T, T], float]) -> list[Pair]:
    low, high = min(0, len(b) - len(a)) - BAND, max(0, len(b) - len(a)) + BAND
    if not a or not b or len(a) * min(high - low, len(b)) > MAX_CELLS:
        found = _in_order(len(a), len(b))
    else:
        found = _traced(_moves(a, b, (low, high), alike))
    return [(None if i is None else at[0] + i, None if j is None else at[1] + j) for i, j in found]


def _in_order(a: int, b: int) -> list[Pair]:
    """Pair two stretches place by place; what is left of the longer one has no partner."""
    both = min(a, b)
    return [(n, n) for n in range(both)] + [(n, None) for n in range(both, a)] + [(None, n) for n in range(both, b)]


def _moves(a: Sequence[T], b: Sequence[T], band: tuple[int, int], alike: Callable[[T, T], float]) -> list[list[str]]:
    """Return by which move the best score of the first i of one and the first j of the other is reached.

    Moves: "d" pairs two, "a" and "b" leave one of that sequence alone.
    """
    columns = len(b)
    row = [_GAP * j if j <= band[1] else _NEVER for j in range(columns + 1)]
    moves = [["b"] * (columns + 1)]
    for i, one in enumerate(a, 1):
        above, row, move = row, [_NEVER] * (columns + 1), ["a"] * (columns + 1)
        if i + band[0] <= 0:
            row[0] = _GAP * i
        for j in range(max(1, i + band[0]), min(columns, i + band[1]) + 1):
            diagonal, left, up = above[j - 1] + alike(one, b[j - 1]), row[j - 1] + _GAP, above[j] + _GAP
            if diagonal >= left and diagonal >= up:
                row[j], move[j] = diagonal, "d"
            elif up >= left:
                row[j] = up
            else:
                row[j], move[j] = left, "b"
        moves.append(move)
    return moves


def _traced(moves: Sequence[Sequence[str]]) -> list[Pair]:
    i, j = len(moves) - 1, len(moves[0]) - 1
    found: list[Pair] = []
    while i or j:
        move = moves[i][j] if i and j else "a" if i else "b"
        if move == "d":
            i, j = i - 1, j - 1
            found.append((i, j))
        elif move == "a":
            i -= 1
            found.append((i, None))
        else:
            j -= 1
            found.append((None, j))
    return found[::-1]
