"""Which dead letters are meant: the newest of a topic or a reason, or those whose record is still aside."""

import heapq
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from schemas.clock import now_ms
from schemas.errors import InvalidInput
from topics.dead_letters.letter import DeadLetter, Position, Source, source_of
from topics.dead_letters.log import DeadLetterLog

Shown = TypeVar("Shown")

LIST_LIMIT = 100
RETRY_LIMIT = 1_000

_AGE = re.compile(r"([0-9]{1,9})([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Selection:
    """Letters of a source (``None``: of all), with a reason, that were put aside since a time; at most ``limit``."""

    source: Source | None
    reason: str | None
    since_ms: int | None
    limit: int

    @classmethod
    def of(cls, topic: str | None, reason: str | None, since: str | None, limit: int) -> "Selection":
        """Return the selection that texts describe. Raises ``InvalidInput``."""
        return cls(source_of(topic) if topic else None, reason, _since_ms(since), limit)


def _since_ms(age: str | None) -> int | None:
    if age is None:
        return None
    found = _AGE.fullmatch(age)
    if found is None:
        raise InvalidInput(f"since {age!r} is not an age; write a number and s, m, h or d, for example 90m")
    return max(0, now_ms() - int(found[1]) * _UNIT_MS[found[2]])


async def newest(log: DeadLetterLog, wanted: Selection, show: Callable[[DeadLetter], Shown]) -> tuple[list[Shown], int]:
    """Return what ``show`` makes of the newest letters, oldest first, and how many there are in all.

    Only what it makes is held, since a letter may have a megabyte.
    """
    found: list[tuple[int, Position, Shown]] = []
    count = 0
    async for letter in log.scan(wanted.source, wanted.since_ms):
        if wanted.reason not in (None, letter.reason):
            continue
        count += 1
        entry = (letter.at_ms, letter.position)
        if len(found) < wanted.limit:
            heapq.heappush(found, (*entry, show(letter)))
        elif entry > found[0][:2]:
            heapq.heapreplace(found, (*entry, show(letter)))
    return [shown for _, _, shown in sorted(found, key=lambda one: one[:2])], count


async def still_aside(log: DeadLetterLog, wanted: Selection) -> tuple[list[Position], int]:
    """Return the positions of the oldest letters, and how many match in all.

    A record that was retried and dead-lettered again has several letters; only its newest one counts.
    """
    found: dict[bytes, tuple[int, Position, str]] = {}
    async for letter in log.scan(wanted.source, wanted.since_ms):
        found[letter.digest()] = (letter.at_ms, letter.position, letter.reason)
    matching = sorted((at_ms, position) for at_ms, position, reason in found.values() if reason == wanted.reason)
    return [position for _, position in matching[: wanted.limit]], len(matching)
