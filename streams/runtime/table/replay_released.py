"""Reading some records of a partition a second time: those that waited for a quarantined key to be released."""

import logging

from connectors.ports.engine import InRecord, Log

log = logging.getLogger(__name__)

#: Records that are read and dropped rather than begin another read of the log.
READ_THROUGH = 1_000


async def read(log_: Log, topic: str, partition: int, offsets: list[int]) -> list[InRecord]:
    """Return the records at these offsets, in order, that the log still has. Raises ``Unavailable``."""
    first = (await log_.bounds(topic, partition)).first
    found = [
        record
        for start, end in _ranges([offset for offset in offsets if offset >= first])
        async for batch in log_.read(topic, partition, start, end)
        for record in batch
    ]
    wanted = set(offsets)
    records = [record for record in found if record.offset in wanted]
    if len(records) < len(wanted):
        log.error(
            "%s/%d: %d of %d records of a released key are no longer in the log",
            topic, partition, len(wanted) - len(records), len(wanted),
            extra={"action": "released_without"},
        )  # fmt: skip
    return records


def _ranges(offsets: list[int]) -> list[tuple[int, int]]:
    """Return ranges [start, end) that cover the offsets; each is one read, so those that are near share one."""
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and offset - ranges[-1][1] < READ_THROUGH:
            ranges[-1] = ranges[-1][0], offset + 1
        else:
            ranges.append((offset, offset + 1))
    return ranges
