"""The log: the thing itself, which knows the order of all appends, and as a process sees it."""

from collections.abc import AsyncIterator, Sequence

from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import Bounds, InRecord, OutRecord
from schemas.errors import Unavailable
from tests.simulation.ports.calls import Calls
from topics.partitioner import partition_for


class StampedLog(MemoryLog):
    """The log itself. ``order`` gives every record its place in the order of all appends."""

    def __init__(self, partitions: int, clock: ManualClock) -> None:
        super().__init__(partitions, clock)
        self.partitions = partitions
        self.order: dict[tuple[str, int, int], int] = {}

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all and note when."""
        for record in records:
            partition = partition_for(record.key or b"", self.partitions)
            offset = (await self.bounds(record.topic, partition)).end
            self.order[record.topic, partition, offset] = len(self.order)
            await super().append([record])

    def end(self, topic: str, partition: int) -> int:
        """Return a partition's end."""
        return len(self._records.get((topic, partition), []))

    def first(self, topic: str, partition: int) -> int:
        """Return a partition's first kept offset."""
        return self._first.get((topic, partition), 0)

    def slice(self, topic: str, partition: int, start: int, end: int) -> list[InRecord]:
        """Return some of a partition's records."""
        return self._records.get((topic, partition), [])[start:end]


class SimLog:
    """A process's ``Log``."""

    def __init__(self, log: StampedLog, calls: Calls) -> None:
        self._log = log
        self._calls = calls

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, or the first ones and fail."""

        async def apply() -> None:
            some = self._calls.some_of(records)
            await self._log.append(some)
            if len(some) < len(records):
                raise Unavailable("simulation", "only some records were appended", 0.1)

        await self._calls.call("append", apply)

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return a partition's bounds."""
        return await self._calls.call("bounds", lambda: self._log.bounds(topic, partition))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield small batches."""
        for at in range(start, end, 8):
            await self._calls.turn("read")
            if at < self._log.first(topic, partition):
                raise Unavailable("simulation", f"{topic}/{partition} has lost offset {at}", 0.1)
            yield self._log.slice(topic, partition, at, min(at + 8, end))

    async def incarnation(self, topic: str) -> str:
        """Return the log's name."""
        return await self._log.incarnation(topic)
