"""The command that prints or applies privileges; passwords are files, and statements have their hashes alone."""

import base64
import hashlib
import hmac
import stat
from pathlib import Path

import chdb
import pytest

from deploy.privileges import clickhouse_rules, passwords, postgres_rules
from deploy.privileges.__main__ import main
from deploy.privileges.users import each_role


def test_kafkas_commands_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kafka", "--print", "--user", "w=worker", "--writes", "payments.*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# w"
    wanted = "--allow-principal User:w --operation Write --topic payments. --resource-pattern-type prefixed"
    assert any(line.endswith(wanted) for line in lines)


@pytest.mark.parametrize(
    ("engine", "line"),
    [
        ("postgres", 'GRANT SELECT, DELETE ON workflow_run TO "agentflow-retention";'),
        ("clickhouse", "GRANT INSERT, SELECT ON `agentflow`.* TO `agentflow-analytics`;"),
    ],
)
def test_statements_are_printed(engine: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([engine, "--print"]) == 0
    assert line in capsys.readouterr().out.splitlines()


def test_lines_of_redis_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redis", "--print", "--user", "b=batches"]) == 0
    assert capsys.readouterr().out.startswith("user b reset on ~{runs:*}:claim:* ~{runs:*}:e:* -@all +@read")


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["redis", "--print", "--user", "b=nobody"])
    assert ended.value.code == 2
    assert "there is no role 'nobody'" in capsys.readouterr().err


def test_engine_that_does_not_answer_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:canary-secret@127.0.0.1:1/0")
    assert main(["redis", "--apply", "--passwords", str(tmp_path / "new")]) == 3
    said = capsys.readouterr().err
    assert said.startswith("privileges redis: ")
    assert "canary" not in said


def test_passwords_are_made_once_and_are_the_owners(tmp_path: Path) -> None:
    users = each_role()[:2]
    first = passwords.of_users(tmp_path / "new", users)
    assert passwords.of_users(tmp_path / "new", users) == first
    assert len(set(first.values())) == 2
    for user in users:
        assert stat.S_IMODE((tmp_path / "new" / user.name).stat().st_mode) == 0o600


def test_verifier_is_that_of_rfc_5803() -> None:
    kind, rounds, keys = passwords.postgres_verifier("pencil", b"salt" * 4).split("$")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", b"salt" * 4, 4096)
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    assert (kind, rounds.split(":")[0]) == ("SCRAM-SHA-256", "4096")
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert server == hmac.digest(salted, b"Server Key", "sha256")


def test_statements_hold_no_password_and_clickhouse_reads_them() -> None:
    for user in each_role():
        statements = list(postgres_rules.statements(user, passwords.postgres_verifier("canary")))
        if clickhouse_rules.has_user(user):
            mine = list(clickhouse_rules.statements(user, "agentflow", passwords.sha256("canary")))
            assert all(chdb.query(f"SELECT formatQuery($text${one}$text$)").bytes().strip() for one in mine)
            statements += mine
        assert not any("canary" in one for one in statements)
