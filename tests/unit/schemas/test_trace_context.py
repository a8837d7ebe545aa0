"""W3C trace context of senders: what is taken, and what is not."""

import pytest

from schemas.trace_context import (
    BAGGAGE_MOST,
    NO_CONTEXT,
    context_headers,
    read_baggage,
    read_tracestate,
    sender_context,
)

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def test_a_sender_says_its_span_its_state_and_tags() -> None:
    found = sender_context(PARENT, "vendor=1, other=x", "team=blue")
    assert found == (PARENT, "vendor=1,other=x", {"team": "blue"})
    assert sender_context(None) is NO_CONTEXT


def test_a_malformed_parent_has_no_state() -> None:
    assert sender_context("00-xyz", "vendor=1", "team=blue") == (None, "", {"team": "blue"})


@pytest.mark.parametrize("state", [None, "", "no member", "UPPER=1", "a=1,,=2", "a=" + "x" * 600, "a=ü", "a=1\nb=2"])
def test_a_malformed_state_is_dropped(state: str | None) -> None:
    assert read_tracestate(state) == ""


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("team=blue,stage=test;secret=no", {"team": "blue", "stage": "test"}),
        ("session.id=thread%201,user.id=ada", {"agentflow.session": "thread 1", "agentflow.user": "ada"}),
        ("agentflow.api_key=k,agentflow.x=1", {}),
        ("bad name=1,=2,empty=,ok=3", {"ok": "3"}),
        ("a=1,a=2", {"a": "1"}),
        (f"long={'x' * 257}", {}),
        ("nul=%00", {}),
        ("x=" + "y" * 9_000, {}),
        (None, {}),
    ],
)
def test_members_of_a_baggage_become_tags(header: str | None, tags: dict[str, str]) -> None:
    assert read_baggage(header) == tags


def test_a_baggage_has_so_many_tags_and_no_more() -> None:
    found = read_baggage(",".join(f"k{n}={n}" for n in range(100)))
    assert list(found) == [f"k{n}" for n in range(BAGGAGE_MOST)]


def test_a_request_within_a_span_names_it() -> None:
    assert context_headers("a" * 32, "b" * 16) == {"traceparent": PARENT}
    assert context_headers("a" * 32, "b" * 16, "v=1") == {"traceparent": PARENT, "tracestate": "v=1"}
