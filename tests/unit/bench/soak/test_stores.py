"""What counts as left in the log: records that no time and no owner takes back."""

import time

import pytest

from bench.soak.stores import _live_bytes, lasts
from connectors.kafka.checkpoints import EXPIRE_HEADER
from connectors.ports.engine import Bounds, InRecord
from topics.catalogue import RUN_EVENTS, RUN_VIEWS, declared


class Log:
    """One partition of records."""

    def __init__(self, *records: tuple[bytes, bytes | None, int | None]) -> None:
        self.records = [
            InRecord("t", 0, at, 0, key, value, () if over is None else ((EXPIRE_HEADER, b"%d" % over),))
            for at, (key, value, over) in enumerate(records)
        ]

    async def partitions(self, topic: str) -> int:
        return 1

    async def bounds(self, topic: str, partition: int) -> Bounds:
        return Bounds(0, len(self.records))

    async def read(self, topic: str, partition: int, start: int, end: int):
        yield self.records[start:end]


def test_compacted_topics_last_and_others_do_not() -> None:
    assert lasts(declared(RUN_VIEWS))
    assert not lasts(declared(RUN_EVENTS))


@pytest.mark.parametrize(
    ("records", "size"),
    [
        (((b"a", b"12345", None), (b"a", b"1", None)), 2),
        (((b"a", b"12345", None), (b"a", None, None)), 0),
        (((b"a", b"123", 1), (b"b", b"123", int(time.time() * 1e3) + 3_600_000)), 4),
    ],
)
async def test_newest_record_of_each_key_counts_unless_its_time_is_over(records, size: int) -> None:
    assert await _live_bytes(Log(*records), declared(RUN_VIEWS)) == size  # type: ignore[arg-type]
