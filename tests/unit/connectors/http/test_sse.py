"""Server-sent events from bytes, split anywhere."""

import random

import pytest

from connectors.http import sse
from connectors.http.sse import Event, SseParser, TooLongError

BODY = (
    "\ufeff: a comment\n"
    "data: one\n\n"
    "event: named\ndata: two\ndata:  lines\nid: 7\nretry: 10\n\n"
    "event: without data\n\n"
    "data\n\n"
    "data:größe 🐋\nunknown: x\n\n"
    ":ping\n\n"
    "data: last"
).encode()
EVENTS = [
    Event("", "one"),
    Event("named", "two\n lines"),
    Event("", ""),
    Event("", "größe 🐋"),
    Event("", "last"),
]


def parsed(chunks: list[bytes]) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.end()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_the_same_wherever_the_bytes_are_split(end: bytes) -> None:
    body = BODY.replace(b"\n", end)
    assert parsed([body]) == EVENTS
    assert parsed([body[at : at + 1] for at in range(len(body))]) == EVENTS
    for at in range(len(body)):
        assert parsed([body[:at], body[at:]]) == EVENTS
    chance = random.Random(7)
    for _ in range(200):
        places = sorted(chance.sample(range(len(body)), 5))
        assert parsed([body[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]) == EVENTS


def test_line_ends_may_be_mixed() -> None:
    assert parsed([b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r"]) == [Event("", "a\nb\nc"), Event("", "d")]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert parsed([b"data: a\xff\n\n"]) == [Event("", "a\ufffd")]


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\n") == [Event("", "a")]


def test_an_event_without_end_is_refused_and_many_short_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST_EVENT", 100)
    parser = SseParser()
    for _ in range(50):
        assert parser.feed(b"data: 12345678901234567890\n\n") != []
    parser.feed(b"data: 12345678901234567890\n" * 3)
    with pytest.raises(TooLongError, match="over 100 bytes"):
        parser.feed(b"data: 12345678901234567890\n")


def test_nothing_is_no_event() -> None:
    assert parsed([]) == parsed([b"", b"\xef", b"\xbb"])[:0] == []
