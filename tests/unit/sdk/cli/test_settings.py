"""Where settings come from, and the file that has them."""

import tomllib
from pathlib import Path

import pytest
from agentflow.cli.errors import CliError
from agentflow.cli.profiles import ConfigFile
from agentflow.cli.settings import DEFAULT_ENDPOINT, masked, resolve

from tests.support.ctl import Ctl

TOKEN = "af_0123456789abcdef_secretsecretwxyz"


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    found = ConfigFile(tmp_path / "config.toml")
    found.set("default", "endpoint", "https://default.example.com")
    found.set("prod", "endpoint", "https://prod.example.com")
    found.set("prod", "token", TOKEN)
    return found


def env_of(file: ConfigFile, **more: str) -> dict[str, str]:
    return {"AGENTFLOW_CONFIG": str(file.path), **more}


def local(folder: Path) -> Path:
    """A directory deep inside one where a system runs."""
    data = folder / ".agentflow"
    data.mkdir()
    (data / "api-key").write_text("local-key\n", encoding="utf-8")
    (data / "env").write_text(
        f"API_HOST=0.0.0.0\nAPI_PORT=8123\nDEFAULT_ORG_ID=default\nAPI_KEY_FILE='{data / 'api-key'}'\n",
        encoding="utf-8",
    )
    inside = folder / "a" / "b"
    inside.mkdir(parents=True)
    return inside


def test_an_option_wins_over_the_environment_and_that_over_the_profile(file: ConfigFile, tmp_path: Path) -> None:
    env = env_of(file)
    assert resolve({}, env, tmp_path).endpoint.value == "https://default.example.com"
    env["AGENTFLOW_ENDPOINT"] = "https://env.example.com/"
    assert resolve({}, env, tmp_path).endpoint == type(resolve({}, env, tmp_path).endpoint)(
        "https://env.example.com", "AGENTFLOW_ENDPOINT"
    )
    assert resolve({"endpoint": "http://option"}, env, tmp_path).endpoint.origin == "--endpoint"


def test_a_profile_is_named_by_option_by_variable_or_as_the_current_one(file: ConfigFile, tmp_path: Path) -> None:
    env = env_of(file)
    assert resolve({"profile": "prod"}, env, tmp_path).endpoint.value == "https://prod.example.com"
    assert resolve({}, {**env, "AGENTFLOW_PROFILE": "prod"}, tmp_path).profile == "prod"
    file.use("prod")
    assert resolve({}, env, tmp_path).profile == "prod"


def test_an_unknown_profile_names_the_nearest(file: ConfigFile, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="no profile 'prdo'") as refused:
        resolve({"profile": "prdo"}, env_of(file), tmp_path)
    assert refused.value.fix == "did you mean prod?"


def test_a_system_nearby_is_used_where_nothing_is_configured(tmp_path: Path) -> None:
    inside = local(tmp_path)
    found = resolve({}, {"AGENTFLOW_CONFIG": str(tmp_path / "none")}, inside)
    assert found.endpoint.value == "http://127.0.0.1:8123"
    assert found.token is not None
    assert found.token.value == "local-key"
    assert found.org_id is not None


def test_the_key_of_a_system_nearby_is_sent_to_no_other_address(file: ConfigFile, tmp_path: Path) -> None:
    inside = local(tmp_path)
    assert resolve({}, env_of(file), inside).token is None
    assert resolve({"endpoint": "https://other"}, {"AGENTFLOW_CONFIG": str(tmp_path / "none")}, inside).token is None


def test_without_anything_the_endpoint_is_this_machine(tmp_path: Path) -> None:
    found = resolve({}, {"AGENTFLOW_CONFIG": str(tmp_path / "none")}, tmp_path)
    assert (found.endpoint.value, found.endpoint.origin) == (DEFAULT_ENDPOINT, "default")


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n", encoding="utf-8")
    env = {"AGENTFLOW_CONFIG": str(tmp_path / "none"), "AGENTFLOW_TOKEN_FILE": str(tmp_path / "key")}
    found = resolve({}, env, tmp_path)
    assert found.token is not None
    assert found.token.value == "from-a-file"


def test_the_file_is_readable_by_its_owner_only_whatever_it_was(file: ConfigFile) -> None:
    file.path.chmod(0o644)
    file.set("default", "org-id", "o")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert not list(file.path.parent.glob("config.toml.*"))


@pytest.mark.parametrize("value", ['a"b\\c', "ü", "a.b c", "x\x7f"])
def test_any_text_is_read_as_it_was_written(tmp_path: Path, value: str) -> None:
    file = ConfigFile(tmp_path / "config.toml")
    file.set(value, "token", value)
    assert ConfigFile(file.path).profile(value) == {"token": value}
    assert tomllib.loads(file.path.read_text(encoding="utf-8"))["profiles"][value]["token"] == value


def test_a_broken_file_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("not toml", encoding="utf-8")
    done = Ctl(tmp_path)("config", "show")
    assert done.code == 2
    assert str(tmp_path / "config.toml") in done.err


def test_a_token_is_masked_wherever_it_is_shown(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl.env.pop("AGENTFLOW_TOKEN")
    ctl("config", "set", "token", "-", stdin=f"{TOKEN}\n")
    shown = [ctl("config", command, *args).out for command, *args in (("show",), ("get", "token"), ("profiles",))]
    shown += [ctl("config", command, "-o", "json").out for command in ("show", "profiles")]
    assert all("secret" not in text for text in shown)
    assert "****wxyz" in shown[0]
    assert masked("short") == "****"


def test_config_shows_the_origin_of_each_value(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl("config", "set", "endpoint", "https://x.example.com")
    ctl("config", "set", "org_id", "acme", "--profile", "p2")
    origins = {row["setting"]: row["origin"] for row in ctl("config", "show", "-o", "json").document["settings"]}
    assert origins["endpoint"] == "profile default"
    assert origins["token"] == "AGENTFLOW_TOKEN"
    assert origins["org-id"] == "not set"
    assert ctl("config", "get", "endpoint").out == "https://x.example.com\n"


def test_profiles_are_listed_used_and_emptied(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl("config", "set", "endpoint", "https://p.example.com", "--profile", "prod")
    assert ctl("config", "use", "prod").code == 0
    assert ctl("config", "profiles", "-o", "json").document["profiles"][0]["current"] is True
    assert ctl("config", "unset", "endpoint").code == 0
    assert ctl("config", "unset", "endpoint").code == 3
    assert ctl("config", "get", "output").code == 3
