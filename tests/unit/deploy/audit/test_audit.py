"""The command: what it finds, how old its knowledge is, and what it returns."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.audit import __main__ as audit
from deploy.audit.advisories import Advisory, Database
from deploy.audit.locks import Locked, locked
from deploy.images.sbom import LockError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ONE = Locked("x", "1.0", ("requirements.lock",), True)
BAD = Database(
    datetime(2026, 1, 1, tzinfo=UTC), {"x": [Advisory("A", ("CVE-1",), ((("introduced", "0"), ("fixed", "2")),))]}
)


def test_nothing_is_wrong_with_the_locks(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([]) == 0
    out = capsys.readouterr().out
    assert "nothing is wrong" in out
    assert "days old" in out


def test_vulnerability_is_said_with_its_fix_and_can_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = audit.vulnerable(BAD, [ONE])
    assert said == "x 1.0: A (CVE-1), fixed in 2; in requirements.lock"
    monkeypatch.setattr(audit, "IGNORED", {"A": "we do not use it"})
    assert audit.vulnerable(BAD, [ONE]) == []


def test_vulnerability_fails_the_audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(audit, "vulnerable", lambda *_: ["x 1.0: A"])
    assert audit.main([]) == 1
    assert "1 findings" in capsys.readouterr().out


def test_old_advisories_are_said() -> None:
    assert "59 days old" in audit.age(BAD, NOW)[0]
    assert audit.age(BAD, NOW)[1].startswith("CAREFUL")
    assert len(audit.age(BAD, datetime(2026, 1, 20, tzinfo=UTC))) == 1


def test_wrong_usage_and_wrong_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        audit.main(["--update"])
    assert audit.main(["--database", str(tmp_path)]) == 1
    assert "no checkout" in capsys.readouterr().err


def test_lock_without_hashes_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "requirements-x.lock").write_text("aiohttp==1.2\n")
    with pytest.raises(LockError, match=r"requirements-x.lock: aiohttp==1.2"):
        locked(tmp_path)


def test_packages_know_their_use() -> None:
    found = {one.name: one for one in locked()}
    assert (found["aiohttp"].in_images, found["pytest"].in_images, found["pytest"].runs) == (True, False, False)
    assert (found["grpcio"].runs, found["pywin32"].everywhere, found["aiohttp"].everywhere) == (True, False, True)
