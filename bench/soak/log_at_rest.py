"""What of the log never leaves, by topic: the newest record of each key of a compacted topic.

A table's checkpoint is weighed as its owner sees it. The owner takes an entity back with every key of it, within the
hour, once the entity's *last* record says that its time is over (``streams.runtime.checkpoint.compaction``); so an
earlier record of a run that was running when a checkpoint was written does not stay either, although it has no end of
its own.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.kafka.checkpoints import EXPIRE_HEADER
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import InRecord
from streams.runtime.checkpoint.codec import MARKER_KEY, is_page, split_key
from topics.catalogue import CATALOGUE, Topic, checkpoint_topic, declared

#: The topics of checkpoints, as far as they are tables'.
CHECKPOINTS = frozenset(
    topic.name for topic in CATALOGUE if topic.name == checkpoint_topic(topic.name.partition(".")[0])
)


def lasts(topic: Topic) -> bool:
    """Return whether records of a topic stay without an end of their time."""
    return topic.cleanup == "compact" or topic.retention_ms < 0


async def log_bytes(log: KafkaLog) -> dict[str, float]:
    """Return the bytes of records that never leave, by topic."""
    lasting = [topic.name for topic in CATALOGUE if lasts(topic) and not topic.family]
    return {name: await live_bytes(log, name) for name in lasting}


async def live_bytes(log: KafkaLog, name: str) -> float:
    """Return the bytes of a topic's records that never leave."""
    total = 0
    for partition in range(await log.partitions(name)):
        weighed = (
            CheckpointWeight() if name in CHECKPOINTS else TopicWeight(compacted=declared(name).cleanup == "compact")
        )
        bounds = await log.bounds(name, partition)
        async for batch in log.read(name, partition, bounds.first, bounds.end):
            weighed.take(batch)
        total += weighed.bytes(int(time.time() * 1e3))
    return float(total)


@dataclass
class TopicWeight:
    """Weighs one partition of an ordinary topic."""

    compacted: bool
    _sizes: dict[bytes | int, int] = field(default_factory=dict)

    def take(self, records: Iterable[InRecord]) -> None:
        """Take in records, oldest first."""
        for record in records:
            key = record.key if self.compacted and record.key is not None else record.offset
            self._sizes[key] = _size(record)

    def bytes(self, now_ms: int) -> int:
        """Return the bytes that never leave."""
        del now_ms
        return sum(self._sizes.values())


@dataclass
class CheckpointWeight:
    """Weighs one partition of checkpoints. ``_leaves`` says when entities and pages leave, by their last record."""

    _sizes: dict[bytes, int] = field(default_factory=dict)
    _leaves: dict[bytes | str, int] = field(default_factory=dict)

    def take(self, records: Iterable[InRecord]) -> None:
        """Take in records, oldest first."""
        for record in records:
            key = record.key or b""
            self._sizes[key] = _size(record)
            if record.value is not None and key != MARKER_KEY:
                _note(self._leaves, _whose(key), record.headers)

    def bytes(self, now_ms: int) -> int:
        """Return the bytes that never leave, by the clock."""
        over = {whose for whose, at_ms in self._leaves.items() if at_ms <= now_ms}
        return sum(size for key, size in self._sizes.items() if key == MARKER_KEY or _whose(key) not in over)


def _note(leaves: dict[bytes | str, int], whose: bytes | str, headers: Sequence[tuple[str, bytes | None]]) -> None:
    said: Mapping[str, bytes | None] = dict(headers)
    if (at_ms := said.get(EXPIRE_HEADER)) is None:
        leaves.pop(whose, None)
    else:
        leaves[whose] = int(at_ms)


def _whose(key: bytes) -> bytes | str:
    """Return what a record leaves with: its entity, or itself for a page."""
    return key if is_page(key) else split_key(key)[0]


def _size(record: InRecord) -> int:
    return 0 if record.value is None else len(record.value) + len(record.key or b"")
