"""Requests that a worker which died may have begun.

A pure function has no claim, so nothing counts how often it was begun. But what a dead worker had begun is read again
by the next owner of its partition, and it lies between the group's offset and as far as a worker reads ahead. So the
requests there are *suspects* if the former owner did not leave in order: functions among them are claimed as tools are,
which counts their starts and asks whether their run is over. All other requests cost nothing.
"""

from collections.abc import Sequence

from connectors.ports.engine import InRecord
from streams.runtime.consumer.poll import Control, Partition


class Suspects:
    """Where the suspects of each partition end. ``max_span`` is how far a worker reads ahead."""

    def __init__(self, max_span: int) -> None:
        self._max_span = max_span
        self._ends: dict[Partition, int] = {}

    def first(self, partition: Partition, records: Sequence[InRecord], control: Control | None) -> None:
        """Note the first records of an assignment; later ones of it change nothing.

        What was appended after the first fetch of the assignment was read by nobody before.
        """
        if partition not in self._ends and records:
            is_open = control is not None and control.left_open(partition)
            end = control.end(partition) if is_open and control is not None else 0
            self._ends[partition] = min(records[0].offset + self._max_span, end)

    def has(self, partition: Partition, offset: int) -> bool:
        """Return true if a worker that died may have begun the request at this offset."""
        return offset < self._ends.get(partition, 0)

    def revoke(self, partitions: set[Partition]) -> None:
        """Forget partitions that left."""
        for partition in partitions:
            self._ends.pop(partition, None)
