"""Streams that guards look at as they come, cut at every place that there is."""

from typing import Any

import pytest

from connectors.providers.deltas import ReasoningDelta, TextDelta, ToolCallArguments, UsageDelta
from schemas.records.base import Usage
from services.security.guards.checks import Told
from services.security.guards.windows import Window
from tests.unit.services.security.guards.test_guards import GROUNDED, JSON, LENGTH, WORDS, guards

GOOD = "Die Straßenbahn fährt, and a badword is no word."
BAD = "Before it. A bad word and what follows it, which nobody may read."


class Reader:
    """What a reader of a stream got."""

    def __init__(self) -> None:
        self.deltas: list[Any] = []

    async def __call__(self, delta: Any) -> None:
        self.deltas.append(delta)

    @property
    def text(self) -> str:
        return "".join(one.text for one in self.deltas if isinstance(one, TextDelta))


async def streamed(pieces: list[str], *rules: Any, **more: Any) -> tuple[Window, Reader]:
    reader = Reader()
    window = Window(guards(*rules, **more), reader, Told(), [])
    for piece in pieces:
        await window(TextDelta(piece))
    if window.fault is None:
        whole = "".join(pieces)
        window.fault = await guards(*rules, **more).fault(whole, Told(), [])
        await window.end(whole)
    return window, reader


def cuts(text: str) -> list[list[str]]:
    """Return a text in two pieces, cut at every place; whole; and letter by letter."""
    return [[text[:at], text[at:]] for at in range(len(text) + 1)] + [[text], list(text)]


async def test_a_good_stream_arrives_whole_wherever_it_is_cut():
    for pieces in cuts(GOOD):
        window, reader = await streamed(pieces, WORDS)
        assert (window.fault, reader.text) == (None, GOOD), pieces


async def test_nothing_of_a_banned_word_arrives_wherever_the_stream_is_cut():
    for pieces in cuts(BAD):
        window, reader = await streamed(pieces, WORDS)
        assert window.fault is not None, pieces
        assert window.fault.code == "guard_refused"
        assert "Before it. A ".startswith(reader.text), (pieces, reader.text)


async def test_a_word_at_the_very_end_is_found():
    for pieces in cuts("It ends with a bad word"):
        window, reader = await streamed(pieces, WORDS)
        assert window.fault is not None, pieces
        assert "bad" not in reader.text


async def test_the_delay_is_bounded_by_the_longest_word():
    text = "good " * 200
    window, reader = await streamed(list(text), WORDS)
    assert reader.text == text
    assert window.held_most <= max(map(len, WORDS["words"])) + 1
    first = next(index for index, one in enumerate(reader.deltas) if one.text)
    assert first == 0


async def test_what_is_too_long_is_cut_there():
    window, reader = await streamed(list("1234567"), LENGTH)
    assert (reader.text, window.fault is not None) == ("12345", True)


async def test_a_guard_of_whole_answers_holds_all_of_it_back():
    window, reader = await streamed(list('{"a": 1}'), WORDS, JSON)
    assert (window.fault, [one.text for one in reader.deltas]) == (None, ['{"a": 1}'])
    window, reader = await streamed(list('{"b": 1}'), JSON)
    assert window.fault is not None
    assert reader.deltas == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30])
async def test_a_scorer_is_asked_by_the_window_and_before_anything_is_delivered(size: int):
    asked: list[str] = []

    def scorer(answer: str, *_: Any) -> float:
        asked.append(answer)
        return 0.0 if "x" in answer else 1.0

    rule = GROUNDED | {"window": 10}
    text = "good " * 8 + "x" + " more" * 8
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    window, reader = await streamed(pieces, rule, scorers={"grounded": scorer})
    assert window.fault is not None
    assert "x" not in reader.text
    assert len(asked) <= len(text) // 10 + 1
    assert len(reader.text) >= 20, "what came long before was delivered"


async def test_a_scorer_that_fails_in_the_middle_cuts_the_stream():
    def broken(*_: Any) -> float:
        raise ConnectionError("gone")

    window, reader = await streamed(
        list("a long text of many words"), GROUNDED | {"window": 5}, scorers={"grounded": broken}
    )
    assert window.fault is not None
    assert (window.fault.code, reader.text) == ("guard_failed", "")


async def test_only_texts_and_counts_pass():
    reader = Reader()
    window = Window(guards(LENGTH), reader, Told(), [])
    counts = UsageDelta(Usage(input_tokens=1, output_tokens=1))
    for delta in (ReasoningDelta("a thought"), ToolCallArguments(0, "{}"), counts, TextDelta("ok")):
        await window(delta)
    assert reader.deltas == [counts, TextDelta("ok")]


async def test_an_answer_that_was_changed_behind_what_is_out_ends_there():
    reader = Reader()
    window = Window(guards(LENGTH), reader, Told(), [])
    await window(TextDelta("one"))
    await window.end("two")
    assert reader.text == "one"
    await window.end("one!")
    assert reader.text == "one!"
