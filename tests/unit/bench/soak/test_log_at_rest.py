"""What counts as left in the log: records that no time and no owner takes back."""

from collections.abc import AsyncIterator

import pytest

from bench.soak.log_at_rest import CHECKPOINTS, lasts, live_bytes
from connectors.kafka.checkpoints import EXPIRE_HEADER
from connectors.ports.engine import Bounds, InRecord
from streams.runtime.checkpoint.codec import MARKER_KEY, entry_key, page_key
from topics.catalogue import RUN_EVENTS, RUN_VIEWS, declared

RUNS = "runs.checkpoint"
PAST, FUTURE = 1, 1 << 50
Said = tuple[bytes, bytes | None, int | None]
HEADER, STEP, WHOLE, OTHER = entry_key("r1", "header"), entry_key("r1", "step"), entry_key("r1"), entry_key("r2")
PAGE, LATER_PAGE = page_key(1, 0), page_key(1, 1)


class Log:
    """One partition of records."""

    def __init__(self, *records: Said) -> None:
        self.records = [
            InRecord("t", 0, at, 0, key, value, () if over is None else ((EXPIRE_HEADER, b"%d" % over),))
            for at, (key, value, over) in enumerate(records)
        ]

    async def partitions(self, topic: str) -> int:
        return 1

    async def bounds(self, topic: str, partition: int) -> Bounds:
        return Bounds(0, len(self.records))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        for at in range(start, end):
            yield self.records[at : at + 1]


def test_compacted_topics_last_and_others_do_not() -> None:
    assert lasts(declared(RUN_VIEWS))
    assert not lasts(declared(RUN_EVENTS))
    assert RUNS in CHECKPOINTS
    assert RUN_VIEWS not in CHECKPOINTS


@pytest.mark.parametrize(
    ("records", "size"),
    [
        (((b"a", b"12345", None), (b"a", b"1", None)), 2),
        (((b"a", b"12345", None), (b"a", None, None)), 0),
    ],
)
async def test_newest_record_of_each_key_counts(records: tuple[Said, ...], size: int) -> None:
    assert await live_bytes(Log(*records), RUN_VIEWS) == size  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("records", "left"),
    [
        (((HEADER, b"1", None), (STEP, b"2", None)), {HEADER, STEP}),
        (((HEADER, b"1", None), (WHOLE, b"2", FUTURE)), {HEADER, WHOLE}),
        # It was running at one checkpoint and over at the next: all of it is taken back.
        (((HEADER, b"1", None), (STEP, b"2", None), (STEP, b"3", PAST), (OTHER, b"4", None)), {OTHER}),
        # It ended, and came back to life.
        (((WHOLE, b"1", PAST), (STEP, b"2", None)), {WHOLE, STEP}),
        (((HEADER, b"1", None), (HEADER, None, None)), set()),
        (((PAGE, b"1", PAST), (LATER_PAGE, b"2", FUTURE)), {LATER_PAGE}),
        (((MARKER_KEY, b"1", None),), {MARKER_KEY}),
    ],
)
async def test_entities_of_checkpoints_leave_whole(records: tuple[Said, ...], left: set[bytes]) -> None:
    assert await live_bytes(Log(*records), RUNS) == sum(len(key) + 1 for key in left)  # type: ignore[arg-type]
