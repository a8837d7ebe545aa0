"""Operators' commands find the system that ``make run`` keeps."""

from pathlib import Path

import pytest

from schemas.configuration.running_system import environment
from schemas.settings import Settings


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / ".agentflow"
    folder.mkdir(parents=True)
    (folder / "api-key").write_text("k-1")
    (folder / "env").write_text(
        "KAFKA_BOOTSTRAP=127.0.0.1:20001\n"
        "REDIS_URL='redis://:p w@127.0.0.1:20002/0'\n"
        f"API_KEY_FILE={folder / 'api-key'}\n"
    )
    return folder


def test_the_nearest_data_directory_upward_is_found(data_dir: Path) -> None:
    below = data_dir.parent / "docs" / "deep"
    below.mkdir(parents=True)
    settings = Settings.from_env(environment({}, [], below))
    assert settings.kafka.bootstrap == "127.0.0.1:20001"
    assert settings.redis.url.get_secret_value() == "redis://:p w@127.0.0.1:20002/0"
    assert settings.security.api_key.get_secret_value() == "k-1"


def test_variables_of_the_environment_win(data_dir: Path) -> None:
    given = {"KAFKA_BOOTSTRAP": "kafka:9092", "REDIS_HOST": "redis", "API_KEY": "mine"}
    settings = Settings.from_env(environment(given, [], data_dir.parent))
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.redis.url.get_secret_value() == "redis://redis:6379/0"
    assert settings.security.api_key.get_secret_value() == "mine"


@pytest.mark.parametrize("form", [["--data-dir", "{}"], ["--data-dir={}"]])
def test_a_named_data_directory_wins_over_the_nearest(data_dir: Path, tmp_path: Path, form: list[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "env").write_text("KAFKA_BOOTSTRAP=127.0.0.1:29999\n")
    argv = ["dlq", "list", *(part.format(other) for part in form), "--since", "1h"]
    assert environment({}, argv, data_dir.parent)["KAFKA_BOOTSTRAP"] == "127.0.0.1:29999"


def test_a_named_directory_without_a_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no system runs there: start it by `make run`"):
        environment({}, ["--data-dir", str(tmp_path)], tmp_path)


def test_without_a_system_the_environment_stays_as_it_is(tmp_path: Path) -> None:
    assert environment({"A": "1"}, [], tmp_path) == {"A": "1"}
