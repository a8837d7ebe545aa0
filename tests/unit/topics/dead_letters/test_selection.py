"""Which letters a selection means."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from schemas.errors import InvalidInput
from topics.dead_letters.letter import AT_MS, OFFSET, PARTITION, REASON, TOPIC, DeadLetter, Position, Source
from topics.dead_letters.log import DeadLetterLog
from topics.dead_letters.selection import Selection, newest, still_aside


def letter(offset: int, at_ms: int, reason: str = "schema", value: bytes = b"v") -> DeadLetter:
    said = {REASON: reason, TOPIC: "run-events", PARTITION: "0", OFFSET: str(offset), AT_MS: str(at_ms)}
    headers = tuple((name, text.encode()) for name, text in said.items())
    return DeadLetter(Position("run-events.dlq", 0, offset), at_ms, b"k", value, headers)


@dataclass
class Letters:
    """A log of letters."""

    letters: list[DeadLetter]

    async def scan(self, source: Source | None = None, since_ms: int | None = None) -> AsyncIterator[DeadLetter]:
        """Yield all."""
        for one in self.letters:
            yield one


def log(*letters: DeadLetter) -> DeadLetterLog:
    return cast("DeadLetterLog", cast("Any", Letters(list(letters))))


async def test_the_newest_come_oldest_first_and_all_are_counted() -> None:
    found = await newest(log(*(letter(at, at * 10) for at in (3, 1, 2))), wanted(limit=2), lambda one: one.at_ms)
    assert found == ([20, 30], 3)


async def test_only_letters_with_the_reason_count() -> None:
    letters = log(letter(1, 10), letter(2, 20, reason="json"))
    assert await newest(letters, wanted(reason="json"), lambda one: one.reason) == (["json"], 1)


async def test_of_a_record_that_was_put_aside_again_only_the_newest_letter_is_meant() -> None:
    letters = log(letter(1, 10), letter(2, 20), letter(3, 30, value=b"other"), letter(4, 40, reason="json"))
    positions, total = await still_aside(letters, wanted(reason="schema"))
    assert ([one.offset for one in positions], total) == ([3], 1)


async def test_the_oldest_come_first_and_the_limit_is_said() -> None:
    letters = log(*(letter(at, 100 - at, value=bytes([at])) for at in range(5)))
    positions, total = await still_aside(letters, wanted(reason="schema", limit=2))
    assert ([one.offset for one in positions], total) == ([4, 3], 5)


@pytest.mark.parametrize("since", ["yesterday", "1w", "-1h", ""])
def test_what_is_no_age_is_refused(since: str) -> None:
    with pytest.raises(InvalidInput, match="is not an age"):
        Selection.of(None, None, since, 1)


def wanted(reason: str | None = None, limit: int = 10) -> Selection:
    return Selection.of("run-events", reason, "1h", limit)
