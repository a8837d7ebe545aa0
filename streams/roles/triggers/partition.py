"""One partition of a trigger's topic: the order in which records are taken, and where reading begins.

**The invariant.** A position is stored after every record before it was submitted, filtered or dead-lettered, and it
only rises. It is where the next owner begins. So no record is skipped; one that is read again has the same submission
id, which is one run.

    1 taken        the runs are in the log: all of a batch with one append
    2 put aside    the dead letters are in their topic
    3 advanced     the position in PostgreSQL, by a statement that never lowers it
    4 shown        the group's offset, which is only for display

A process that dies after any of these, or is suspended there while another one owns the partition, repeats work; it
never skips any. Only a dead letter that was appended before a death between 2 and 3 is there twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.ports.engine import Bounds, Clock, InRecord, OutRecord
from connectors.postgres.triggers.positions import Progress, StoredPosition
from connectors.postgres.triggers.stored import StoredTrigger
from schemas.errors import TooLarge
from services.triggers.records import Refused, Taken
from streams.runtime.dead_letters import of_trigger


class MustPauseError(Exception):
    """The topic cannot be read on without a person's decision. The message says why, and what to do."""


class Takes(Protocol):
    """See ``services.triggers.records.TriggerRecords``."""

    async def take(self, trigger: StoredTrigger, records: Sequence[InRecord]) -> Taken:
        """Submit a batch. Raises ``Unavailable``."""
        ...


class Positions(Protocol):
    """See ``connectors.postgres.triggers.positions.TriggerPositions``."""

    async def begin(self, trigger_id: str, partition: int, log: str, offset: int) -> StoredPosition:
        """Return a partition's position; one that has none begins at ``offset``."""
        ...

    async def advance(self, trigger_id: str, done: Progress) -> None:
        """Store what was done, unless somebody was further."""
        ...

    async def seen(self, trigger_id: str, partition: int, end_offset: int) -> None:
        """Store the end of a partition."""
        ...


class Appender(Protocol):
    """Appends to the log."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append and wait for the acknowledgement. Raises ``Unavailable`` and ``TooLarge``."""
        ...


class Counts(Protocol):
    """Counts what became of records."""

    def records(self, outcome: str, number: int) -> None:
        """``outcome``: submitted, filtered, refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPorts:
    """What partitions of all triggers ask and write."""

    takes: Takes
    positions: Positions
    appender: Appender
    counts: Counts
    clock: Clock


async def first_offset(
    ports: PartitionPorts, trigger: StoredTrigger, partition: int, log: str, start: int, bounds: Bounds
) -> int:
    """Return where to read on. ``start`` is where a partition that was never read begins; ``log`` its incarnation.

    Raises ``MustPauseError`` for a topic that is another one than before, and ``Unavailable``.
    """
    stored = await ports.positions.begin(trigger.id, partition, log, start)
    name = "" if trigger.definition.topic is None else trigger.definition.topic.name
    if stored.log != log:
        raise MustPauseError(
            f"the topic {name} was made again: its offsets begin again, and say nothing about what was submitted; "
            "delete this trigger and make another one"
        )
    if stored.next_offset > bounds.end:
        raise MustPauseError(
            f"partition {partition} of {name} ends at {bounds.end}, and was submitted up to {stored.next_offset}: the "
            "log has lost records; delete this trigger and make another one"
        )
    return max(stored.next_offset, bounds.first)


async def take_batch(
    ports: PartitionPorts, trigger: StoredTrigger, partition: int, records: Sequence[InRecord], end_offset: int
) -> int:
    """Take a batch that follows the position; return the next offset. Raises ``Unavailable``: nothing is lost."""
    taken = await ports.takes.take(trigger, records)
    for refused in taken.refused:
        await _put_aside(ports, trigger, refused)
    next_offset = records[-1].offset + 1
    done = Progress(
        partition=partition,
        next_offset=next_offset,
        end_offset=max(end_offset, next_offset),
        submitted=taken.submitted,
        filtered=taken.filtered,
        refused=len(taken.refused),
    )
    await ports.positions.advance(trigger.id, done)
    for outcome, number in (
        ("submitted", taken.submitted),
        ("filtered", taken.filtered),
        ("refused", len(taken.refused)),
    ):
        ports.counts.records(outcome, number)
    return next_offset


async def _put_aside(ports: PartitionPorts, trigger: StoredTrigger, refused: Refused) -> None:
    now_ms = ports.clock.now_ms()
    letter = of_trigger(refused.record, trigger.id, refused.reason, refused.message, now_ms)
    try:
        await ports.appender.append([letter])
    except TooLarge:
        # The topic of the other system takes larger records than ours: the letter says where the bytes are.
        size = len(refused.record.value or b"")
        message = f"{refused.message}; its {size} bytes are too many for a dead letter, read them at its position"
        record = refused.record._replace(value=None)
        await ports.appender.append([of_trigger(record, trigger.id, refused.reason, message, now_ms)])
