"""The manifest: it comes back, and what was changed in it is refused."""

import json

import pytest

from deploy.backup.archive import manifest as manifests
from deploy.backup.archive.parts import BackupKey
from deploy.backup.errors import DamagedBackup
from tests.support.backups import manifest, topic

KEY = BackupKey(b"k" * 40)


def test_it_comes_back() -> None:
    one = manifest(3, 2, topics={"run-events": topic((0, 5, False), (7, 9, True))})

    assert manifests.read(manifests.write(one, None), None) == one
    assert one.records() == 7
    assert one.size() == 20


def test_with_a_key_a_changed_one_is_refused() -> None:
    one = manifest(3, key_name=KEY.name)
    data = manifests.write(one, KEY)

    assert manifests.read(data, KEY) == one
    for changed in (data.replace(b'"spread_ms":5', b'"spread_ms":6'), data.replace(b'"mac":"', b'"mac":"0')):
        with pytest.raises(DamagedBackup, match="was changed"):
            manifests.read(changed, KEY)
    with pytest.raises(DamagedBackup, match="was changed"):
        manifests.read(data, BackupKey(b"x" * 40))


def test_a_seal_is_neither_left_out_nor_made_up() -> None:
    sealed, plain = manifests.write(manifest(3, key_name=KEY.name), KEY), manifests.write(manifest(3), None)

    with pytest.raises(DamagedBackup, match="--key-file"):
        manifests.read(sealed, None)
    assert manifests.read(sealed, None, trusted=False).key_name == KEY.name
    with pytest.raises(DamagedBackup, match="not sealed"):
        manifests.read(plain, KEY)


def test_what_is_no_manifest_is_refused() -> None:
    newer = json.loads(manifests.write(manifest(3), None))
    newer["manifest"]["format"] = "2.0"
    other = json.loads(manifests.write(manifest(3), None))
    other["manifest"]["id"] = "../../etc"

    for data, why in (
        (b"{", "cannot be read"),
        (b"{}", "cannot be read"),
        (json.dumps(newer).encode(), "newer version"),
    ):
        with pytest.raises(DamagedBackup, match=why):
            manifests.read(data, None)
    with pytest.raises(DamagedBackup, match="names no backup"):
        manifests.read(json.dumps(other).encode(), None)
