"""Whole topics on a real broker: times, headers and offsets come back, wherever the log began."""

import pytest

from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.archive.writing import FILLERS, ArchiveWriter
from connectors.ports.archive import GroupAt, LogRow, Range
from tests.support.client import unique

CONFIG = {"cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "max.message.bytes": "1048576"}


async def _read(bootstrap: str, where, committed: bool = False) -> tuple[int, list[LogRow]]:
    async with ArchiveReader(bootstrap, committed=committed) as reader:
        first, end = (await reader.firsts([where]))[where], (await reader.ends([where]))[where]
        found = [row async for _, rows in reader.read({where: Range(first, end)}) for row in rows]
    return first, found


async def test_records_are_written_from_an_offset_on(kafka_bootstrap: str) -> None:
    topic, first = unique("archive"), FILLERS + 7
    where = (topic, 1)
    rows = [
        LogRow(first + n, 1_600_000_000_000 + n, b"k%d" % n, b"v" * 300_000, [("h", b"\x00"), ("n", None)])
        for n in range(5)
    ]
    rows.append(LogRow(first + 5, 1_600_000_000_000, None, None, []))
    rows.append(LogRow(first + 6, 1_600_000_000_001, b"big", b"{" + b"x" * 3_000_000 + b"}", []))
    rows.append(LogRow(first + 7, 1_500_000_000_000, b"", b"", []))

    async with ArchiveWriter(kafka_bootstrap) as writer:
        await writer.create({topic: (2, CONFIG)}, 1)
        await writer.fill(where, first, rows[0].at_ms)
        await writer.append(where, rows)
        await writer.cut_before({where: first})
        await writer.configure({topic: CONFIG | {"message.timestamp.type": "LogAppendTime"}})
        await writer.place_group(f"{topic}-readers", {where: GroupAt(first + 3, "a note")})
        assert await writer.members([f"{topic}-readers"]) == []

    assert await _read(kafka_bootstrap, where) == (first, rows)
    async with ArchiveReader(kafka_bootstrap) as reader:
        assert await reader.partitions([topic]) == {topic: 2}
        assert (await reader.groups({topic}))[f"{topic}-readers"] == {where: GroupAt(first + 3, "a note")}
        assert all(await reader.identity(topic))


async def test_a_partition_that_has_lost_everything_begins_where_it_ended(kafka_bootstrap: str) -> None:
    topic = unique("archive")
    async with ArchiveWriter(kafka_bootstrap) as writer:
        await writer.create({topic: (1, CONFIG)}, 1)
        await writer.fill((topic, 0), 3, 1)
        await writer.cut_before({(topic, 0): 3})
        await writer.append((topic, 0), [LogRow(0, 5, b"k", b"v")])

    assert await _read(kafka_bootstrap, (topic, 0)) == (3, [LogRow(3, 5, b"k", b"v")])


@pytest.mark.parametrize("start", [0, 2])
async def test_a_read_ends_where_it_is_to_end(kafka_bootstrap: str, start: int) -> None:
    topic = unique("archive")
    async with ArchiveWriter(kafka_bootstrap) as writer:
        await writer.create({topic: (1, CONFIG)}, 1)
        await writer.append((topic, 0), [LogRow(0, n, b"k", b"%d" % n) for n in range(6)])

    async with ArchiveReader(kafka_bootstrap) as reader:
        found = [row.value async for _, rows in reader.read({(topic, 0): Range(start, 4)}) for row in rows]
    assert found == [b"%d" % n for n in range(start, 4)]
