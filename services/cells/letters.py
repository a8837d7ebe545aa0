"""Dead letters of an organisation's events, which travel with it: they are retried in the cell that it is in.

Only letters of its submissions topic do. All others are of records that were made from a run, or for one, and their run
and the tables that would take them are in the old cell.
"""

from collections.abc import AsyncGenerator

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from schemas.errors import Conflict
from services.cells.parts import Row, parts_as_they_come, rows_in
from topics.catalogue import dlq, submissions_topic
from topics.dead_letters.letter import DeadLetter, Position, source_of
from topics.dead_letters.log import DeadLetterLog


class Letters:
    """The dead letters of one cell. Methods raise ``Unavailable``."""

    def __init__(self, bootstrap: str, appender: Appender) -> None:
        self._bootstrap = bootstrap
        self._appender = appender

    async def out(self, org_id: str) -> AsyncGenerator[bytes]:
        """Yield an organisation's letters in parts. Of a record with several only the newest one is among them."""
        async with DeadLetterLog(self._bootstrap) as log:
            wanted = (await self._known(log, org_id)).values()
            async for part in parts_as_they_come(row_of(letter) async for letter in log.get_all(wanted)):
                yield part

    async def put(self, org_id: str, part: bytes) -> None:
        """Append letters that are not there yet. Raises ``Conflict`` for what is no letter of the organisation.

        A part that comes twice counts once; so do letters that an earlier move took to another cell and back.
        """
        letters = [letter_of(row, org_id) for row in rows_in(part)]
        async with DeadLetterLog(self._bootstrap) as log:
            known = await self._known(log, org_id)
        topic = dlq(submissions_topic(org_id))
        fresh = [one for one in letters if one.digest() not in known]
        await self._appender.append([OutRecord(topic, one.key, one.value, one.headers) for one in fresh])

    async def _known(self, log: DeadLetterLog, org_id: str) -> dict[bytes, Position]:
        return {one.digest(): one.position async for one in log.scan(source_of(submissions_topic(org_id)))}


def row_of(letter: DeadLetter) -> Row:
    """Return a letter as it travels, with the headers that say why it is one."""
    return Row(letter.key, letter.value, letter.headers)


def letter_of(row: Row, org_id: str) -> DeadLetter:
    """Return a letter that arrived. Raises ``Conflict`` for one of another organisation or topic."""
    letter = DeadLetter(Position(dlq(submissions_topic(org_id)), 0, 0), 0, row.key, row.value, row.headers)
    if letter.origin is None or letter.origin.topic != submissions_topic(org_id):
        raise Conflict("a part of the dead letters has one of another topic; nothing of it was taken")
    return letter
