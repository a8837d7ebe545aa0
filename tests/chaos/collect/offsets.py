"""Positions of consumer groups as the broker stored them, each with the broker's time: ``__consumer_offsets``.

A key is a version (0 and 1 are offsets), group, topic and partition; a value is a version and the offset.
"""

import struct

from connectors.ports.engine import InRecord
from tests.chaos.records import Commit
from topics.catalogue import STEP_REQUESTS, SUBMISSIONS

_WORKERS_READ = (f"{STEP_REQUESTS}.", f"{SUBMISSIONS}.")


def read_commit(record: InRecord) -> Commit | None:
    """Return the position in a record, of a topic whose records are acked one by one; ``None`` for anything else."""
    if record.key is None or record.value is None:
        return None
    version, at = _short(record.key, 0)
    if version > 1:
        return None
    _group, at = _text(record.key, at)
    topic, at = _text(record.key, at)
    if not topic.startswith(_WORKERS_READ):
        return None
    (partition,) = struct.unpack_from(">i", record.key, at)
    (offset,) = struct.unpack_from(">q", record.value, 2)
    return Commit(topic=topic, partition=partition, offset=offset, at_ms=record.timestamp_ms)


def _short(data: bytes, at: int) -> tuple[int, int]:
    (number,) = struct.unpack_from(">h", data, at)
    return number, at + 2


def _text(data: bytes, at: int) -> tuple[str, int]:
    length, at = _short(data, at)
    return data[at : at + length].decode(), at + length
