"""Ids of spans, and the trace context of others."""

import pytest

from schemas.ids import (
    call_id,
    call_span_id,
    repair_id,
    repair_span_id,
    span_id,
    trace_of,
    traceparent_ids,
    try_id,
    try_span_id,
)

TRACE, SPAN = "a" * 32, "b" * 16


def test_a_traceparent_has_two_ids() -> None:
    assert traceparent_ids(f"00-{TRACE}-{SPAN}-01") == (TRACE, SPAN)
    assert trace_of(f"00-{TRACE}-{SPAN}-00") == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
def test_what_is_none_has_none(header: str | None) -> None:
    assert traceparent_ids(header) is None
    assert trace_of(header) is None


def test_the_span_of_a_call_follows_from_its_id() -> None:
    call = call_id("r:loop~2/a:1@99", 1)
    first = span_id("r", "loop~2/a", 1, call)
    assert call_span_id("r", "loop~2/a", 1, call) == first
    assert call_span_id("r", "loop~2/a", 1, try_id(call, 2)) == try_span_id(first, 2)
    assert call_span_id("r", "loop~2/a", 1, repair_id(try_id(call, 2))) == repair_span_id(try_span_id(first, 2))
