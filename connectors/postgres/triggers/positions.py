"""How far the topics of triggers were submitted.

A position is stored after its records were submitted or dead-lettered, and it only rises: a process that lost its
partition and stores late changes nothing. It is of one incarnation of the log (cluster and topic): offsets of a topic
that was made again say nothing about the records of the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.postgres.database import Database, epoch_ms, returned

_COLUMNS = (
    "trigger_id, partition_number AS partition, log, next_offset, end_offset, submitted, filtered, refused, "
    f"{epoch_ms('updated_at')} AS updated_ms"
)


@dataclass(frozen=True, slots=True)
class StoredPosition:
    """The next offset of a partition, and counts since the trigger was made. ``end_offset`` is the log's, then."""

    trigger_id: str
    partition: int
    log: str
    next_offset: int
    end_offset: int
    submitted: int
    filtered: int
    refused: int
    updated_ms: int

    @property
    def lag(self) -> int:
        """Return how many records were there and are not submitted yet."""
        return max(0, self.end_offset - self.next_offset)


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done of a partition: up to ``next_offset``, and what became of these records."""

    partition: int
    next_offset: int
    end_offset: int
    submitted: int = 0
    filtered: int = 0
    refused: int = 0


class TriggerPositions:
    """The positions of all triggers. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, trigger_ids: Sequence[str]) -> list[StoredPosition]:
        """Return the positions of triggers, by partition."""
        query = (
            f"SELECT {_COLUMNS} FROM run_trigger_position WHERE trigger_id = ANY($1) "
            "ORDER BY trigger_id, partition_number"
        )
        rows = await self._database.fetch("read positions of triggers", query, list(trigger_ids))
        return [StoredPosition(**row) for row in rows]

    async def begin(self, trigger_id: str, partition: int, log: str, offset: int) -> StoredPosition:
        """Return a partition's position; one that has none begins at ``offset``."""
        row = await self._database.fetchrow(
            "begin a trigger's position",
            "INSERT INTO run_trigger_position (trigger_id, partition_number, log, next_offset, end_offset) "
            "VALUES ($1, $2, $3, $4, $4) ON CONFLICT (trigger_id, partition_number) "
            f"DO UPDATE SET log = run_trigger_position.log RETURNING {_COLUMNS}",
            *(trigger_id, partition, log, offset),
        )
        return StoredPosition(**returned(row, "begin a trigger's position"))

    async def advance(self, trigger_id: str, done: Progress) -> None:
        """Store what was done, unless somebody was further: then it was done by them as well."""
        await self._database.fetch(
            "store a trigger's position",
            "UPDATE run_trigger_position SET next_offset = $3, end_offset = greatest(end_offset, $4), "
            "submitted = submitted + $5, filtered = filtered + $6, refused = refused + $7, updated_at = now() "
            "WHERE trigger_id = $1 AND partition_number = $2 AND next_offset < $3 RETURNING next_offset",
            *(trigger_id, done.partition, done.next_offset, done.end_offset),
            *(done.submitted, done.filtered, done.refused),
        )

    async def seen(self, trigger_id: str, partition: int, end_offset: int) -> None:
        """Store the end of a partition, so that lag shows while nothing is submitted."""
        await self._database.fetch(
            "store the end of a trigger's topic",
            "UPDATE run_trigger_position SET end_offset = $3 "
            "WHERE trigger_id = $1 AND partition_number = $2 AND end_offset < $3 RETURNING end_offset",
            *(trigger_id, partition, end_offset),
        )
