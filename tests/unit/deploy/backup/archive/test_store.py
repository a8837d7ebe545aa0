"""Manifests of a place: damaged ones are left out, and what is used is vouched for."""

import pytest

from deploy.backup.archive import manifest as manifests
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.archive.store import manifests_in, trusted_chain
from deploy.backup.errors import DamagedBackup
from tests.support.backups import backup_id, manifest

KEY = BackupKey(b"k" * 40)


async def _put(place: DirectoryPlace, name: str, data: bytes) -> None:
    await place.write(f"{name}/{manifests.NAME}", data)


async def test_damaged_manifests_are_left_out_and_logged(tmp_path, caplog) -> None:
    place = DirectoryPlace(tmp_path)
    await _put(place, backup_id(1), manifests.write(manifest(1), None))
    await _put(place, backup_id(2), b"{")
    await _put(place, backup_id(3), manifests.write(manifest(1), None))
    await _put(place, "notes", manifests.write(manifest(4), None))

    assert list(await manifests_in(place)) == [backup_id(1)]
    assert backup_id(2) in caplog.text
    assert f"{backup_id(3)} is left out" in caplog.text


async def test_a_parent_that_somebody_made_up_is_refused(tmp_path) -> None:
    place = DirectoryPlace(tmp_path)
    await _put(place, backup_id(1), manifests.write(manifest(1, key_name=KEY.name), BackupKey(b"x" * 40)))
    await _put(place, backup_id(2), manifests.write(manifest(2, 1, key_name=KEY.name), KEY))
    known = await manifests_in(place)

    with pytest.raises(DamagedBackup, match="was changed"):
        await trusted_chain(place, KEY, backup_id(2), known)
    await _put(place, backup_id(1), manifests.write(manifest(1, key_name=KEY.name), KEY))
    assert [one.id for one in await trusted_chain(place, KEY, backup_id(2), known)] == [backup_id(2), backup_id(1)]
