"""One partition of a trigger's topic: where it begins, the order of its steps, and what a death between them leaves."""

from collections.abc import Sequence

import pytest

from connectors.memory.engine import ManualClock
from connectors.ports.engine import Bounds, InRecord, OutRecord
from connectors.postgres.triggers.positions import Progress, StoredPosition
from connectors.postgres.triggers.stored import StoredTrigger
from schemas.errors import TooLarge, Unavailable
from schemas.triggers.definition import Definition, TopicSource
from services.triggers.records import Refused, Taken
from streams.roles.triggers.partition import MustPauseError, PartitionPorts, first_offset, take_batch
from topics.catalogue import TRIGGERS_DLQ

TRIGGER = StoredTrigger(
    id="tr_1",
    org_id="acme",
    name="orders",
    kind="topic",
    definition=Definition(workflow_name="f", inputs={}, topic=TopicSource(name="orders")),
    paused=False,
    problem=None,
    created_by="k",
    created_ms=0,
    updated_ms=0,
    before_until_ms=None,
)
LOG = "cluster/topic"


def record(offset: int, value: bytes | None = b"v") -> InRecord:
    return InRecord("orders", 0, offset, 0, b"k", value, (("h", b"\xff"),))


class World:
    """What a partition asks and writes, in memory. ``dies_at`` makes that step fail once."""

    def __init__(self, next_offset: int | None = None, log: str = LOG) -> None:
        self.next, self.log = next_offset, log
        self.done: list[str] = []
        self.letters: list[OutRecord] = []
        self.counts: dict[str, int] = {}
        self.dies_at = ""
        self.most = 10_000
        self.ports = PartitionPorts(takes=self, positions=self, appender=self, counts=self, clock=ManualClock(0))

    def _step(self, name: str) -> None:
        if self.dies_at == name:
            self.dies_at = ""
            raise Unavailable("test", name)
        self.done.append(name)

    async def take(self, _: StoredTrigger, records: Sequence[InRecord]) -> Taken:
        self._step("take")
        bad = [Refused(one, "json", "no JSON") for one in records if one.value is None or one.value == b"bad"]
        return Taken(submitted=len(records) - len(bad), refused=bad)

    async def append(self, records: Sequence[OutRecord]) -> None:
        self._step("append")
        for one in records:
            if len(one.value or b"") > self.most:
                raise TooLarge("too large")
        self.letters += records

    async def begin(self, trigger_id: str, partition: int, log: str, offset: int) -> StoredPosition:
        if self.next is None:
            self.next, self.log = offset, log
        return StoredPosition(trigger_id, partition, self.log, self.next, self.next, 0, 0, 0, 0)

    async def advance(self, _: str, done: Progress) -> None:
        self._step("advance")
        self.next = max(self.next or 0, done.next_offset)

    async def seen(self, trigger_id: str, partition: int, end_offset: int) -> None:
        """Nothing to show."""

    def records(self, outcome: str, number: int) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + number


@pytest.mark.parametrize(
    ("stored", "start", "bounds", "first"),
    [
        (None, 5, Bounds(0, 9), 5),
        (7, 5, Bounds(0, 9), 7),
        # Retention took what was not read.
        (7, 5, Bounds(8, 9), 8),
        (9, 5, Bounds(0, 9), 9),
    ],
)
async def test_reading_begins_at_the_position(stored: int | None, start: int, bounds: Bounds, first: int) -> None:
    assert await first_offset(World(stored).ports, TRIGGER, 0, LOG, start, bounds) == first


async def test_topic_that_was_made_again_or_lost_records_pauses() -> None:
    with pytest.raises(MustPauseError, match="made again"):
        await first_offset(World(7, "cluster/another").ports, TRIGGER, 0, LOG, 0, Bounds(0, 9))
    with pytest.raises(MustPauseError, match="lost records"):
        await first_offset(World(10).ports, TRIGGER, 0, LOG, 0, Bounds(0, 9))


async def test_runs_come_before_letters_and_these_before_the_position() -> None:
    world = World(3)
    assert await take_batch(world.ports, TRIGGER, 0, [record(3), record(4, b"bad"), record(6)], 20) == 7
    assert (world.done, world.next) == (["take", "append", "advance"], 7)
    assert world.counts == {"submitted": 2, "filtered": 0, "refused": 1}
    (letter,) = world.letters
    assert (letter.topic, letter.key, letter.value, letter.headers[0]) == (TRIGGERS_DLQ, b"k", b"bad", ("h", b"\xff"))
    headers = dict(letter.headers)
    assert (headers["af-trigger"], headers["af-reason"], headers["af-offset"]) == (b"tr_1", b"json", b"4")


@pytest.mark.parametrize("step", ["take", "append", "advance"])
async def test_failed_step_moves_nothing_and_is_repeated(step: str) -> None:
    world = World(3)
    world.dies_at = step
    batch = [record(3), record(4, b"bad")]
    with pytest.raises(Unavailable):
        await take_batch(world.ports, TRIGGER, 0, batch, 5)
    assert (world.next, world.counts) == (3, {})
    assert await take_batch(world.ports, TRIGGER, 0, batch, 5) == 5
    assert world.next == 5


async def test_letter_that_is_too_large_says_where_its_bytes_are() -> None:
    world = World(0)
    world.most = 2
    await take_batch(world.ports, TRIGGER, 0, [record(0, b"bad")], 1)
    (letter,) = world.letters
    assert letter.value is None
    assert b"3 bytes are too many" in (dict(letter.headers)["af-message"] or b"")
