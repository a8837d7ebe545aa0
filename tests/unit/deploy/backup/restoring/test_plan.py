"""Plans: everything is checked before anything is written."""

import pytest

from connectors.ports.archive import LogRow
from deploy.backup.archive import manifest as manifests
from deploy.backup.archive.manifest import Checkpoint, Slice, TopicCopy
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.archive.store import PartWriter
from deploy.backup.errors import BackupRefused, DamagedBackup
from deploy.backup.restoring.plan import Wanted, plan
from tests.support.backups import backup_id, manifest

EVENTS = "run-events"


def _quiet(_: str) -> None:
    pass


async def _stored(place: DirectoryPlace, number: int, parent: int | None, start: int, end: int, marker: int | None):
    """Store a backup of one partition of ``run-events``, with a checkpoint at ``marker``."""
    writer = PartWriter(place, backup_id(number), None)
    rows = [LogRow(offset, offset * 1_000, b"k", b"v") for offset in range(start, end)]
    parts = [await writer.records(f"topics/{EVENTS}/0/{start}.part", rows)]
    cut = Slice(first=start, start=start, end=end, follows=parent is not None, parts=parts)
    kept = [] if marker is None else [await writer.records("checkpoints/0.part", [LogRow(0, 0, b"~marker", b"{}")])]
    one = manifest(
        number,
        parent,
        topics={EVENTS: TopicCopy(topic_id="t", exact=True, partitions={0: cut})},
        checkpoints={} if marker is None else {"runs": {0: Checkpoint(offset=marker, parts=kept)}},
    )
    await place.write(f"{one.id}/{manifests.NAME}", manifests.write(one, None))
    return one


async def test_the_newest_checkpoint_that_is_not_beyond_the_end_is_taken(tmp_path) -> None:
    place = DirectoryPlace(tmp_path)
    full = await _stored(place, 1, None, 10, 20, marker=18)
    child = await _stored(place, 2, 1, 20, 30, marker=28)

    found = await plan(place, None, Wanted(), _quiet)
    assert (found.manifest.id, found.ends, found.earlier) == (child.id, {(EVENTS, 0): 30}, False)
    assert [held.backup_id for held in found.checkpoints["runs", 0]] == [child.id]
    earlier = await plan(place, None, Wanted(child.id, until_ms=24_500), _quiet)
    assert (earlier.ends, earlier.earlier) == ({(EVENTS, 0): 25}, True)
    assert [held.backup_id for held in earlier.checkpoints["runs", 0]] == [full.id]
    with pytest.raises(BackupRefused, match="begins at offset 10, and no checkpoint of runs"):
        await plan(place, None, Wanted(child.id, until_ms=15_000), _quiet)


async def test_a_log_that_has_its_beginning_needs_no_checkpoint(tmp_path) -> None:
    place = DirectoryPlace(tmp_path)
    await _stored(place, 1, None, 0, 20, marker=18)

    found = await plan(place, None, Wanted(until_ms=5_000), _quiet)
    assert (found.ends, found.checkpoints) == ({(EVENTS, 0): 6}, {})


async def test_a_flipped_byte_and_a_missing_part_of_any_backup_in_the_chain_are_refused(tmp_path) -> None:
    place = DirectoryPlace(tmp_path)
    full = await _stored(place, 1, None, 0, 20, marker=None)
    await _stored(place, 2, 1, 20, 30, marker=None)
    (part,) = (tmp_path / full.id / "topics").rglob("*.part")
    whole = part.read_bytes()

    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DamagedBackup, match=f"nothing was restored: {full.id}: .*SHA-256"):
        await plan(place, None, Wanted(), _quiet)
    part.unlink()
    with pytest.raises(DamagedBackup, match="is missing"):
        await plan(place, None, Wanted(), _quiet)
    part.write_bytes(whole)
    assert (await plan(place, None, Wanted(), _quiet)).copies[EVENTS, 0].end == 30


async def test_what_there_is_not_is_named(tmp_path) -> None:
    place = DirectoryPlace(tmp_path)

    with pytest.raises(BackupRefused, match="no finished backup"):
        await plan(place, None, Wanted(), _quiet)
    await _stored(place, 1, None, 0, 3, marker=None)
    with pytest.raises(BackupRefused, match="see `list`"):
        await plan(place, None, Wanted(backup_id(9)), _quiet)
    with pytest.raises(BackupRefused, match="not in the archive"):
        await plan(place, None, Wanted(until_ms=10**12), _quiet)
    (tmp_path / backup_id(1) / manifests.NAME).unlink()
    with pytest.raises(BackupRefused, match="no finished backup"):
        await plan(place, None, Wanted(), _quiet)
