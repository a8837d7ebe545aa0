"""Pages of a trace: all of its spans, each once, also while it grows."""

import pytest

from api.routers.traces.page import Order, page_of
from schemas.errors import InvalidInput
from schemas.records.spans import Span
from services.observability.traces.tree import tree_of


def _order(count: int, *, more: str = "") -> Order:
    spans = [Span(span_id="run", name="run", start_ns=0, end_ns=1, type="run")]
    names = [*(f"s{n:03}" for n in range(count)), *([more] if more else [])]
    spans += [Span(span_id=name, parent_span_id="run", name=name, start_ns=1, end_ns=2) for name in names]
    return tree_of(spans).order


@pytest.mark.parametrize("limit", [1, 7, 100, 101, 500])
def test_pages_have_every_span_once(limit: int) -> None:
    order, found, cursor = _order(100), [], None
    for _ in range(200):
        page, cursor = page_of(order, limit, cursor)
        found += [one.span.span_id for _, one in page]
        if cursor is None:
            break
    assert found == [one.span.span_id for _, one in order]


def test_a_trace_that_grew_before_the_cursor_goes_on_after_it() -> None:
    _, cursor = page_of(_order(10), 6, None)
    page, _ = page_of(_order(10, more="s000a"), 2, cursor)
    assert [one.span.span_id for _, one in page] == ["s005", "s006"]


def test_a_cursor_whose_span_is_gone_goes_on_at_its_place() -> None:
    _, cursor = page_of(_order(10, more="s004a"), 7, None)
    page, _ = page_of(_order(10), 2, cursor)
    assert [one.span.span_id for _, one in page] == ["s006", "s007"]


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ", "WzEsMl0", "Wy0xLCJhIl0", "é"])
def test_a_wrong_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        page_of(_order(1), 1, cursor)
