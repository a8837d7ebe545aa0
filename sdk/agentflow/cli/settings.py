"""Which address, key and organisation a command uses, and where each value comes from."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.profiles import SETTINGS, ConfigFile, config_file

DEFAULT_ENDPOINT = "http://127.0.0.1:8080"
_LOCAL_ENV = Path(".agentflow") / "env"
#: A server on every address is reached at this machine's own.
_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104


@dataclass(frozen=True)
class Value:
    """A setting's value and its origin."""

    value: str
    origin: str


@dataclass(frozen=True)
class Settings:
    """What a command uses. ``profile`` is the profile's name, ``file`` the configuration file."""

    endpoint: Value
    token: Value | None
    org_id: Value | None
    output: Value | None
    profile: str
    file: Path

    def shown(self) -> list[dict[str, str | None]]:
        """Return each setting as ``config show`` has it; the token is masked."""
        found = {
            "endpoint": self.endpoint,
            "org-id": self.org_id,
            "token": self.token and Value(masked(self.token.value), self.token.origin),
            "output": self.output,
        }
        return [
            {"setting": name, "value": value.value if value else None, "origin": value.origin if value else "not set"}
            for name, value in found.items()
        ]


def masked(token: str) -> str:
    """Return a token so that it is recognised and cannot be used: its last four characters if it is long."""
    return f"****{token[-4:]}" if len(token) >= 16 else "****"


def resolve(given: Mapping[str, str], env: Mapping[str, str], here: Path) -> Settings:
    """Return the settings: options first, then the environment, the profile, and the system that runs nearby.

    Raises ``CliError`` for a profile that does not exist, or a file that cannot be read.
    """
    file = ConfigFile(config_file(env))
    named = given.get("profile") or env.get("AGENTFLOW_PROFILE") or None
    profile = named or file.current
    layers = [
        {name: Value(value, f"--{name}") for name, value in given.items()},
        _from_environment(env),
        {name: Value(str(value), f"profile {profile}") for name, value in file.profile(named).items()},
    ]
    nearby, chosen = _nearby(here), next((layer["endpoint"] for layer in layers if "endpoint" in layer), None)
    # The key of a system nearby is sent to its own address only.
    if chosen is None or ("endpoint" in nearby and chosen.value == nearby["endpoint"].value):
        layers.append(nearby)
    found = {name: next((layer[name] for layer in layers if name in layer), None) for name in SETTINGS}
    endpoint = found["endpoint"] or Value(DEFAULT_ENDPOINT, "default")
    return Settings(
        _checked(endpoint), found["token"], found["org-id"], found["output"], profile=profile, file=file.path
    )


def _checked(endpoint: Value) -> Value:
    if not endpoint.value.startswith(("http://", "https://")):
        raise CliError(
            f"the endpoint {endpoint.value!r} ({endpoint.origin}) is not an address",
            "write it as https://host or http://host:port",
            USAGE,
        )
    return Value(endpoint.value.rstrip("/"), endpoint.origin)


def _from_environment(env: Mapping[str, str]) -> dict[str, Value]:
    found = {}
    for name in SETTINGS:
        variable = f"AGENTFLOW_{name.upper().replace('-', '_')}"
        if env.get(variable):
            found[name] = Value(env[variable], variable)
    if "token" not in found and env.get("AGENTFLOW_TOKEN_FILE"):
        found["token"] = Value(_secret(Path(env["AGENTFLOW_TOKEN_FILE"])), "AGENTFLOW_TOKEN_FILE")
    return found


def _nearby(here: Path) -> dict[str, Value]:
    """Return what a running `make run` says of itself in the nearest data directory upward."""
    file = next((folder / _LOCAL_ENV for folder in (here, *here.parents) if (folder / _LOCAL_ENV).is_file()), None)
    if file is None:
        return {}
    said = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        said[name] = "".join(shlex.split(value))
    found = {}
    if "API_HOST" in said and "API_PORT" in said:
        host = "127.0.0.1" if said["API_HOST"] in _ANY else said["API_HOST"]
        found["endpoint"] = Value(f"http://{host}:{said['API_PORT']}", str(file))
    if "DEFAULT_ORG_ID" in said:
        found["org-id"] = Value(said["DEFAULT_ORG_ID"], str(file))
    if Path(said.get("API_KEY_FILE", "")).is_file():
        found["token"] = Value(_secret(Path(said["API_KEY_FILE"])), str(file))
    return found


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise CliError(f"cannot read the key in {path}: {exc}", "correct the path, or its permissions", USAGE) from exc
