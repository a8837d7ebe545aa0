"""Dead letters for the API: they are read and retried on the broker, by a connection for each request."""

import base64
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from schemas.api_models.base import timestamp
from schemas.api_models.operations.admin import (
    LetterAnswer,
    LetterHeader,
    LetterPage,
    RetriedLetter,
    RetriedLetters,
    RetryLetters,
    WholeLetter,
)
from schemas.errors import InvalidInput, Problem, Rejected
from topics.dead_letters import text
from topics.dead_letters.letter import DeadLetter, Position, is_record_of, parse_position
from topics.dead_letters.log import DeadLetterLog
from topics.dead_letters.selection import Selection, newest, still_aside

#: An operator waits for these; a topic of letters is read whole.
TIMEOUT_MS = 10_000


class DeadLetters:
    """Lists, shows and retries dead letters. Every method raises ``Unavailable`` when no broker answers."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def newest(self, wanted: Selection) -> LetterPage:
        """Return the newest letters of a selection."""
        async with self._log() as log:
            letters, total = await newest(log, wanted, summary)
        return LetterPage(letters=letters, total=total)

    async def get(self, position: Position) -> WholeLetter:
        """Return one letter. Raises ``NotFound``."""
        async with self._log() as log:
            return whole(await log.get(position))

    async def retry(self, wanted: RetryLetters) -> RetriedLetters:
        """Append letters to their topics again, unless it is a dry run.

        Raises ``InvalidInput`` for a selection of nothing, ``NotFound`` for a position without a letter: then nothing
        was appended.
        """
        chosen = _chosen(wanted)
        async with self._log() as log:
            if isinstance(chosen, Selection):
                positions, total = await still_aside(log, chosen)
            else:
                positions, total = list(chosen), len(chosen)
                for position in positions:
                    await log.get(position)
            retried = [await _retried(log, letter, wanted.dry_run) async for letter in log.get_all(positions)]
        return RetriedLetters(retried=retried, total=total)

    async def staying(self, org_id: str) -> int:
        """Return how many letters do not travel with an organisation: with records that name it, events left out."""
        async with self._log() as log:
            return sum([is_record_of(letter, org_id) async for letter in log.scan()])

    def _log(self) -> AbstractAsyncContextManager[DeadLetterLog]:
        return DeadLetterLog(self._bootstrap, TIMEOUT_MS)


def _chosen(wanted: RetryLetters) -> Selection | Sequence[Position]:
    filters = (wanted.topic, wanted.reason, wanted.since)
    if wanted.positions and not any(filters):
        return [parse_position(one) for one in dict.fromkeys(wanted.positions)]
    if wanted.positions is None and wanted.topic and wanted.reason:
        return Selection.of(wanted.topic, wanted.reason, wanted.since, wanted.limit)
    fix = "give positions, or topic with reason, and not both"
    raise InvalidInput("no dead letters are selected", (Problem("positions", "or a filter is missing", fix),))


async def _retried(log: DeadLetterLog, letter: DeadLetter, dry_run: bool) -> RetriedLetter:
    position = str(letter.position)
    try:
        if dry_run:
            topic, partition = await log.destination(letter)
            return RetriedLetter(position=position, went_to=f"{topic}/{partition}")
        return RetriedLetter(position=position, went_to=str(await log.retry(letter)))
    except Rejected as exc:
        return RetriedLetter(position=position, problem=text.escaped(str(exc)))


def summary(letter: DeadLetter) -> LetterAnswer:
    """Return a letter without its value."""
    return LetterAnswer(
        position=str(letter.position),
        at=timestamp(letter.at_ms),
        reason=text.escaped(letter.reason),
        message=text.escaped(letter.message),
        origin=text.escaped(str(letter.origin)) if letter.origin else None,
        key=None if letter.key is None else text.data(letter.key),
        attempts=letter.attempts,
        retries=letter.retries,
    )


def whole(letter: DeadLetter) -> WholeLetter:
    """Return a letter with its headers and value."""
    value = letter.value
    return WholeLetter(
        **summary(letter).model_dump(),
        headers=[LetterHeader(name=text.escaped(name), value=text.data(one)) for name, one in letter.headers],
        value=None if value is None else text.body(value),
        value_base64=None if value is None else base64.b64encode(value).decode(),
    )
