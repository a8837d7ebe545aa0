"""Advisories: which versions they affect, the committed copy, and a checkout of the database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from deploy.audit.advisories import Advisory, AdvisoryError, Database, read_checkout, read_file, write_file
from deploy.audit.locks import Locked

AT = datetime(2026, 1, 2, tzinfo=UTC)
TWO = ((("introduced", "1.0"), ("fixed", "1.2.3")), (("introduced", "2.0"), ("last_affected", "2.5")))


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("0.9", False),
        ("1.0", True),
        ("1.2.2", True),
        ("1.2.3", False),
        ("1.10", False),
        ("2.5", True),
        ("2.5.1", False),
    ],
)
def test_ranges_begin_where_introduced_and_end_where_fixed(version: str, affected: bool) -> None:
    assert Advisory("A", (), TWO).affects(version) is affected


def test_zero_is_before_everything_and_versions_may_be_named() -> None:
    assert Advisory("A", (), ((("introduced", "0"),),)).affects("0.0.1.dev0")
    assert Advisory("A", (), (), frozenset({"3.1"})).affects("3.1")
    assert not Advisory("A", (), (), frozenset({"3.1"})).affects("3.2")


def test_copy_is_read_as_it_was_written(tmp_path: Path) -> None:
    database = Database(AT, {"x": [Advisory("A", ("CVE-1",), TWO, frozenset({"9"}))]})
    write_file(database, tmp_path / "a.json")
    assert read_file(tmp_path / "a.json") == database
    first = (tmp_path / "a.json").read_bytes()
    write_file(database, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == first


@pytest.mark.parametrize("content", ["", "{}", '{"at": "no time", "advisories": {}}'])
def test_damaged_copy_is_refused_with_the_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(AdvisoryError, match="restore it from git"):
        read_file(tmp_path / "a.json")


def test_committed_copy_finds_an_old_version(tmp_path: Path) -> None:
    old = Locked("aiohttp", "3.8.0", ("requirements.lock",), True)
    assert "PYSEC-2024-26" in {one.id for one in read_file().of(old)}
    assert read_file().of(Locked("aiohttp", "999.0", (), True)) == []


def test_checkout_is_read_without_what_was_withdrawn(tmp_path: Path) -> None:
    folder = tmp_path / "vulns" / "ruamel-yaml"
    folder.mkdir(parents=True)
    affected = {
        "package": {"name": "ruamel.yaml", "ecosystem": "PyPI"},
        "ranges": [
            {"type": "GIT", "events": [{"introduced": "0"}]},
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.16"}]},
        ],
        "versions": ["0.1"],
    }
    (folder / "A.yaml").write_text(yaml.safe_dump({"id": "A", "aliases": ["CVE-1"], "affected": [affected]}))
    (folder / "B.yaml").write_text(yaml.safe_dump({"id": "B", "withdrawn": "2026-01-01", "affected": [affected]}))
    found = read_checkout(tmp_path, AT, ["ruamel-yaml", "other"])
    assert [one.id for one in found.advisories["ruamel-yaml"]] == ["A"]
    assert found.advisories["ruamel-yaml"][0].fixed == ["0.16"]
    assert set(found.advisories) == {"ruamel-yaml"}


def test_database_without_git_is_as_old_as_its_newest_advisory(tmp_path: Path) -> None:
    (tmp_path / "vulns" / "x").mkdir(parents=True)
    for name, day in (("A", "2024-05-01"), ("B", "2023-01-01")):
        affected = {"package": {"name": "x"}, "versions": ["1"]}
        document = {"id": name, "modified": f"{day}T10:00:00Z", "affected": [affected]}
        (tmp_path / "vulns" / "x" / f"{name}.yaml").write_text(yaml.safe_dump(document))
    assert read_checkout(tmp_path, None, ["x"]).at == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisoryError, match="no checkout"):
        read_checkout(tmp_path, AT, [])
