"""Checkpoints in memory, for unit tests, the simulator and jobs that need none to last."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.ports.engine import CheckpointWriter, Kept
from schemas.errors import Fenced


class _Partition:
    def __init__(self) -> None:
        self.writers = 0
        self.records: list[Kept] = []


class MemoryCheckpoints:
    """The ``Checkpoints`` port over lists."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    @asynccontextmanager
    async def writer(self, partition: int) -> AsyncIterator[CheckpointWriter]:
        """Open the partition's one writer."""
        yield self.open(partition)

    def open(self, partition: int) -> "MemoryWriter":
        """Return the partition's one writer from now on."""
        at = self._at(partition)
        at.writers += 1
        return MemoryWriter(at, at.writers)

    async def last(self, partition: int) -> Kept | None:
        """Return the last record."""
        records = self._at(partition).records
        return records[-1] if records else None

    async def read(self, partition: int) -> AsyncIterator[list[Kept]]:
        """Yield what is there now, in batches of up to 100."""
        records = list(self._at(partition).records)
        for at in range(0, len(records), 100):
            yield records[at : at + 100]

    def compact(self, partition: int) -> None:
        """Keep the newest record of each key, in the order of the log, and no tombstone."""
        at = self._at(partition)
        newest = {kept.key: number for number, kept in enumerate(at.records)}
        kept = [at.records[number] for number in sorted(newest.values())]
        at.records = [record for record in kept if record.value is not None]

    def records(self, partition: int) -> list[Kept]:
        """Return everything."""
        return list(self._at(partition).records)

    def _at(self, partition: int) -> _Partition:
        return self._partitions.setdefault(partition, _Partition())


class MemoryWriter:
    """The ``CheckpointWriter`` port over a list; ``number`` tells whether it still is the last that was opened."""

    def __init__(self, partition: _Partition, number: int) -> None:
        self._partition = partition
        self._number = number
        self._records: list[Kept] = []

    async def append(self, records: Sequence[Kept]) -> None:
        """Keep records until the commit."""
        self._check()
        self._records.extend(records)

    async def commit(self) -> None:
        """Show them."""
        self._check()
        self._partition.records.extend(self._records)
        self._records.clear()

    def _check(self) -> None:
        if self._partition.writers != self._number:
            raise Fenced("the checkpoint has another writer")
