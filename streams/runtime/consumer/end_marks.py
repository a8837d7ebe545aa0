"""Whether the former owner of a partition left it in order: the metadata of the partition's group offset says so.

An owner stores ``OPEN`` before it takes the first record of an assignment, and with each offset; one that leaves in
order stores ``CLEAN`` last. What the next owner finds open was left by a process that died, or that lost its group.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

log = logging.getLogger(__name__)

OPEN, CLEAN = "open", "clean"
#: How long an assignment waits for its marks. Without them its partitions count as left open, which only costs claims.
OPEN_S = 2.0


class EndMarks:
    """The marks of one consumer's partitions."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client
        self._found_open: set[TopicPartition] = set()
        self._begun_at: dict[TopicPartition, int] = {}

    async def open(self, assigned: Iterable[TopicPartition]) -> None:
        """Read the marks of an assignment, then mark its partitions as open."""
        partitions = list(assigned)
        self._found_open, self._begun_at = set(partitions), {}
        if not partitions:
            return
        try:
            async with asyncio.timeout(OPEN_S):
                found = await self._client._coordinator.fetch_committed_offsets(partitions)  # noqa: SLF001 - for the metadata
                at = {tp: one.offset for tp, one in found.items() if one.offset >= 0}
                if new := [tp for tp in partitions if tp not in at]:
                    at |= await self._client.beginning_offsets(new)
                await self._client.commit(marked(at, OPEN))
        except (KafkaError, IllegalStateError, TimeoutError) as exc:
            log.info("how partitions were left is not known: %r", exc, extra={"action": "marks_unknown"})
            return
        self._found_open = {tp for tp, one in found.items() if one.metadata == OPEN}
        self._begun_at = at

    def left_open(self, partition: TopicPartition) -> bool:
        """Return true if the former owner of a partition did not leave it in order, or if that is not known."""
        return partition in self._found_open

    def to_close(self, commits: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return what to store to leave in order. ``commits`` are the offsets of what was taken."""
        return marked(self._begun_at | dict(commits), CLEAN)


def marked(offsets: Mapping[TopicPartition, int], mark: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return offsets with a mark, as they are stored."""
    return {tp: OffsetAndMetadata(offset, mark) for tp, offset in offsets.items()}
