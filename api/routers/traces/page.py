"""Pages of a trace's spans. A cursor names the last span of a page, so it stays right while a running trace grows."""

from collections.abc import Sequence

from schemas.errors import InvalidInput, Problem
from schemas.values.cursors import packed, unpacked
from services.observability.traces.tree import TreeSpan

Order = Sequence[tuple[int, TreeSpan]]


def page_of(order: Order, limit: int, cursor: str | None) -> tuple[Order, str | None]:
    """Return the spans after a cursor, and the cursor of the next page. Raises ``InvalidInput`` for a bad cursor."""
    start = 0 if cursor is None else _after(order, *_read(cursor))
    page = order[start : start + limit]
    if start + limit >= len(order):
        return page, None
    return page, packed([start + limit - 1, page[-1][1].span.span_id])


def _after(order: Order, place: int, span_id: str) -> int:
    if place < len(order) and order[place][1].span.span_id == span_id:
        return place + 1
    moved = next((n for n, (_, one) in enumerate(order) if one.span.span_id == span_id), None)
    # A drawn span may be gone, as may one that the end of its time has removed: its place is all that is left of it.
    return place + 1 if moved is None else moved + 1


def _read(cursor: str) -> tuple[int, str]:
    try:
        place, span_id = unpacked(cursor)
        if type(place) is int and place >= 0 and type(span_id) is str:
            return place, span_id
    except ValueError:
        pass
    fix = "pass next_cursor of the previous page unchanged, or omit it"
    raise InvalidInput.of(Problem("query.cursor", "invalid", fix))
