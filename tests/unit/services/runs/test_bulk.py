"""Bulk cancels: what is appended, what is said on the bus, and in which order."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from connectors.ports.engine import OutRecord
from connectors.ports.pubsub import cancel_subject
from schemas.errors import Unavailable
from schemas.records.run_events import CancelRequested
from services.runs.bulk import BATCH, Bulk
from services.runs.restart import Restarts
from services.runs.submit import Submissions
from tests.support.bus import MemoryBus
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

NOBODY: Any = None


class Log:
    """Keeps what is appended, with how much the bus had said before; the append after ``most`` fails."""

    def __init__(self, bus: MemoryBus, most: int = 100) -> None:
        self.bus = bus
        self.most = most
        self.appends: list[tuple[list[str], int]] = []

    async def append(self, records: Sequence[OutRecord]) -> None:
        if len(self.appends) == self.most:
            raise Unavailable("kafka", "no broker answers")
        events = [cast("CancelRequested", decode(RUN_EVENTS, record.value)) for record in records]
        self.appends.append(([event.run_id for event in events], len(self.bus.said)))


def bulk_of(log: Log) -> Bulk:
    return Bulk(log, cast("Restarts", NOBODY), cast("Submissions", NOBODY), log.bus)


async def test_cancels_are_said_once_they_are_in_the_log() -> None:
    bus = MemoryBus()
    log = Log(bus)
    ids = [f"run-{number}" for number in range(BATCH + 1)]
    done = await bulk_of(log).cancel("acme", ids, "ann")
    assert [one.id for one in done] == ids
    assert log.appends == [(ids[:BATCH], 0), (ids[BATCH:], BATCH)]
    assert bus.of(cancel_subject("acme")) == [run.encode() for run in ids]


async def test_what_is_not_in_the_log_is_not_said() -> None:
    log = Log(MemoryBus(), most=1)
    ids = [f"run-{number}" for number in range(BATCH + 1)]
    with pytest.raises(Unavailable):
        await bulk_of(log).cancel("acme", ids, "ann")
    assert len(log.bus.said) == BATCH


async def test_without_a_bus_they_are_in_the_log_all_the_same() -> None:
    bus = MemoryBus()
    bus.connected = False
    log = Log(bus)
    await bulk_of(log).cancel("acme", ["run-1"], "ann")
    assert log.appends == [(["run-1"], 0)]
