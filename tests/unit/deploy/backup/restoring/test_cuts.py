"""Where a restore ends."""

import pytest

from connectors.ports.archive import LogRow
from deploy.backup.archive.chain import Held, PartitionCopy
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.archive.store import PartReader, PartWriter
from deploy.backup.errors import BackupRefused
from deploy.backup.restoring.cuts import at_offsets, at_time, read_offsets, read_time

ID = "20261129T190000Z-00000001"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:01Z", 1_000),
        ("2026-11-29T19:30:00.250Z", 1_795_980_600_250),
        ("2026-11-29T20:30+01:00", 1_795_980_600_000),
    ],
)
def test_times_have_a_zone(text: str, ms: int) -> None:
    assert read_time(text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-29", "2026-11-29T19:30:00", "2026-13-29T19:30:00Z"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(BackupRefused, match="2026-11-29T19:30:00Z"):
        read_time(text)


async def _copy(tmp_path, times) -> tuple[PartitionCopy, PartReader]:
    place = DirectoryPlace(tmp_path)
    writer, parts = PartWriter(place, ID, None), []
    for start in range(0, len(times), 2):
        rows = [LogRow(5 + start + n, ms, b"k", b"v") for n, ms in enumerate(times[start : start + 2])]
        parts.append(Held(ID, await writer.records(f"p/{start}.part", rows)))
    return PartitionCopy(5, 5 + len(times), tuple(parts)), PartReader(place, None)


async def test_a_time_is_the_first_record_that_is_later(tmp_path) -> None:
    copy, reader = await _copy(tmp_path, [10, 20, 30, 40, 50])
    where = ("t", 0)

    ends = {ms: (await at_time({where: copy}, ms, reader))[where] for ms in (5, 10, 25, 30, 49, 50, 99)}
    assert ends == {5: 5, 10: 6, 25: 7, 30: 8, 49: 9, 50: 10, 99: 10}


async def test_offsets_bound_single_partitions(tmp_path) -> None:
    copy, _ = await _copy(tmp_path, [10, 20])
    copies = {("t", 0): copy, ("t", 1): copy}

    assert at_offsets(copies, {("t", 1): 6}) == {("t", 0): 7, ("t", 1): 6}
    for wrong in ({("t", 1): 8}, {("t", 1): 4}, {("u", 0): 6}):
        with pytest.raises(BackupRefused, match="the backup has"):
            at_offsets(copies, wrong)


def test_the_file_of_offsets_is_by_topic_and_partition(tmp_path) -> None:
    file = tmp_path / "offsets.json"
    file.write_text('{"run-events": {"0": 12, "3": 4}}')

    assert read_offsets(file) == {("run-events", 0): 12, ("run-events", 3): 4}
    file.write_text('{"run-events": [12]}')
    with pytest.raises(BackupRefused, match="by topic and partition"):
        read_offsets(file)
    with pytest.raises(BackupRefused, match="cannot be read"):
        read_offsets(tmp_path / "none")
