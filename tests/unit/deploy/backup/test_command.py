"""The command line: what it refuses, lists and deletes without any engine."""

import pytest

from deploy.backup.archive import manifest as manifests
from deploy.backup.archive.parts import BackupKey
from deploy.backup.command import main
from tests.support.backups import backup_id, manifest


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    folder = tmp_path / "backups"
    key = BackupKey(b"k" * 40)
    for one in (manifest(1), manifest(2, 1), manifest(3, key_name=key.name)):
        (folder / one.id).mkdir(parents=True)
        (folder / one.id / "manifest.json").write_bytes(manifests.write(one, key if one.key_name else None))
    (folder / "unfinished").mkdir()
    return folder


def test_list_shows_finished_backups_without_a_key(place, capsys) -> None:
    assert main(["list", str(place)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [backup_id(n) for n in (1, 2, 3)]
    assert f"new since {backup_id(1)}" in lines[1]
    assert "sealed by" in lines[2]
    assert "finished backups: 3" in err


def test_prune_keeps_what_the_newest_build_on(place) -> None:
    assert main(["prune", str(place), "--keep", "2"]) == 0
    assert (place / backup_id(1)).is_dir()
    assert main(["prune", str(place), "--keep", "1"]) == 0
    assert not (place / backup_id(1)).exists()
    assert not (place / backup_id(2)).exists()
    assert (place / backup_id(3)).is_dir()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["restore", "PLACE", "--until", "noon"], "is no time"),
        (["restore", "PLACE", "--until", "2026-11-29T19:30:00Z", "--offsets", "x"], "not both"),
        (["restore", "PLACE", "--id", backup_id(9)], "see `list`"),
        (["restore", "PLACE", "--key-file", "none"], "cannot be read"),
        (["take", "PLACE", "--keys", "PLACE"], "another place"),
        (["take", "PLACE", "--every", "often"], "write 30m, 6h or 1d"),
        (["take", "ftp://x"], "s3://bucket/prefix"),
        (["restore", "PLACE", "--into", "nowhere"], "no key-pepper and no vault-key"),
    ],
)
def test_a_refusal_says_the_fix(place, capsys, argv, says) -> None:
    assert main([str(place) if word == "PLACE" else word for word in argv]) == 1
    assert says in capsys.readouterr().err


def test_a_broker_that_does_not_answer_has_a_code_of_its_own(place, capsys) -> None:
    assert main(["take", str(place)]) == 3
    assert "kafka" in capsys.readouterr().err
