"""Checkpoints: the things themselves, and as a process sees them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.memory.checkpoints import MemoryCheckpoints, MemoryWriter
from connectors.ports.engine import CheckpointWriter, Kept
from tests.simulation.ports.calls import Calls
from tests.simulation.scheduler import Process


class FencedCheckpoints(MemoryCheckpoints):
    """The checkpoints themselves; ``writing`` are the processes that are in the middle of one.

    ``bug`` plants a fault of theirs: ``marker_first`` or ``zombie_checkpoint``.
    """

    def __init__(self, bug: str = "") -> None:
        super().__init__()
        self.bug = bug
        self.writing: set[Process] = set()

    def open(self, partition: int) -> MemoryWriter:
        """Open the one writer, or one of many."""
        writer = super().open(partition)
        if self.bug == "zombie_checkpoint":
            writer.__class__ = Unfenced
        return writer


class Unfenced(MemoryWriter):
    """Writes, whoever else does."""

    def _check(self) -> None:
        """Find nothing wrong."""


class SimCheckpoints:
    """A process's ``Checkpoints``."""

    def __init__(self, checkpoints: FencedCheckpoints, calls: Calls) -> None:
        self._checkpoints = checkpoints
        self._calls = calls

    @asynccontextmanager
    async def writer(self, partition: int) -> AsyncIterator[CheckpointWriter]:
        """Open a writer."""

        async def apply() -> MemoryWriter:
            return self._checkpoints.open(partition)

        writer = await self._calls.call("open a checkpoint", apply)
        self._checkpoints.writing.add(self._calls.process)
        try:
            yield SimWriter(writer, self._calls, self._checkpoints.bug)
        finally:
            self._checkpoints.writing.discard(self._calls.process)

    async def last(self, partition: int) -> Kept | None:
        """Return the last record."""
        return await self._calls.call("last", lambda: self._checkpoints.last(partition))

    async def read(self, partition: int) -> AsyncIterator[list[Kept]]:
        """Yield what is there now in small batches."""
        records = self._checkpoints.records(partition)
        for at in range(0, len(records), 8):
            await self._calls.turn("read a checkpoint")
            yield records[at : at + 8]


class SimWriter:
    """A process's ``CheckpointWriter``."""

    def __init__(self, writer: MemoryWriter, calls: Calls, bug: str) -> None:
        self._writer = writer
        self._calls = calls
        self._bug = bug

    async def append(self, records: Sequence[Kept]) -> None:
        """Append records; with the planted fault the marker is there before all else is."""
        if self._bug == "marker_first":
            self._writer._partition.records.append(records[-1])
        await self._calls.call("append to a checkpoint", lambda: self._writer.append(records))

    async def commit(self) -> None:
        """Commit."""
        await self._calls.call("commit a checkpoint", self._writer.commit)
