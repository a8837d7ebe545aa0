"""``agentctl config check`` and ``config show --file``: the configuration of a server, by the server's own rules."""

import json
from pathlib import Path

import pytest

from tests.support.ctl import Ctl

WRONG = "worker:\n  concurency: 4\n  id: ${NO_SUCH}\n"
RIGHT = "redis:\n  host: cache\n  password: of-a-test\nworker:\n  id: '${WORKER_ID:-w-1}'\n"


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    return Ctl(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.yaml"


def test_every_problem_is_named_with_its_line(ctl: Ctl, path: Path) -> None:
    path.write_text(WRONG, encoding="utf-8")
    result = ctl("config", "check", str(path), "-o", "json")
    assert result.code == 2
    assert json.loads(result.out)["problems"] == [
        {"line": 2, "problem": "'concurency' is no key in worker; did you mean 'concurrency'?"},
        {
            "line": 3,
            "problem": "worker.id needs the variable NO_SUCH; set it, or write ${NO_SUCH:-default}",
        },
    ]
    assert f"{path} has 2 problems" in result.err


def test_a_right_file_prints_no_data(ctl: Ctl, path: Path) -> None:
    path.write_text(RIGHT + "clickhouse:\n  port: 9000\n", encoding="utf-8")
    result = ctl("config", "check", str(path))
    assert (result.code, result.out) == (0, "")
    assert f"{path} is right" in result.err
    assert "clickhouse.port has no effect" in result.err


def test_a_file_that_is_not_there_is_a_usage_error(ctl: Ctl, path: Path) -> None:
    result = ctl("config", "check", str(path))
    assert (result.code, result.out) == (2, "")
    assert "cannot be read: No such file or directory" in result.err


def test_settings_of_a_server_are_shown_masked_with_their_origin(ctl: Ctl, path: Path) -> None:
    path.write_text(RIGHT, encoding="utf-8")
    result = ctl("config", "show", "--file", str(path), "-o", "json")
    shown = {row["setting"]: row for row in json.loads(result.out)["settings"]}
    assert shown["redis.url"] == {
        "setting": "redis.url",
        "variable": "REDIS_URL",
        "value": "********",
        "origin": f"{path}:2: redis.host",
    }
    assert shown["worker.id"]["value"] == "w-1"
    assert shown["worker.concurrency"]["origin"] == "default"
    assert "of-a-test" not in result.out
