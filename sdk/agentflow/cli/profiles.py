"""The client's configuration file: profiles with an address, a key and an organisation; only its owner reads it."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.nearest import hint

#: The settings of a profile by the names that people write, and as variables of the environment.
SETTINGS = ("endpoint", "org-id", "token", "output")
DEFAULT_PROFILE = "default"
#: Readable and writable by its owner only.
MODE = 0o600


def config_file(env: Mapping[str, str]) -> Path:
    """Return where the configuration is: ``AGENTFLOW_CONFIG``, or below the user's configuration directory."""
    if env.get("AGENTFLOW_CONFIG"):
        return Path(env["AGENTFLOW_CONFIG"])
    base = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else Path(env.get("HOME", "~")) / ".config"
    return base.expanduser() / "agentflow" / "config.toml"


class ConfigFile:
    """Reads and writes the file. A missing file is an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = self._read()

    @property
    def current(self) -> str:
        """The profile that is used where none is named."""
        return str(self._content.get("profile", DEFAULT_PROFILE))

    @property
    def profiles(self) -> dict[str, dict[str, str]]:
        """Every profile with its settings."""
        found: dict[str, dict[str, str]] = self._content.setdefault("profiles", {})
        return found

    def profile(self, name: str | None) -> dict[str, str]:
        """Return the settings of a profile; a named one must exist. Raises ``CliError``."""
        if name is not None and name not in self.profiles and name != DEFAULT_PROFILE:
            fix = hint(name, self.profiles, f"make it: agentctl config set endpoint https://... --profile {name}")
            raise CliError(f"there is no profile {name!r} in {self.path}", fix, USAGE)
        return self.profiles.get(name or self.current, {})

    def set(self, profile: str, setting: str, value: str) -> None:
        """Store a setting."""
        self.profiles.setdefault(profile, {})[setting] = value
        self._write()

    def unset(self, profile: str, setting: str) -> bool:
        """Remove a setting; return whether it was there."""
        there = self.profiles.get(profile, {}).pop(setting, None) is not None
        if there:
            self._write()
        return there

    def use(self, profile: str) -> None:
        """Make a profile the current one."""
        self._content["profile"] = profile
        self._write()

    def mode(self) -> int | None:
        """Return who may do what with the file; ``None`` if it is not there."""
        return self.path.stat().st_mode & 0o777 if self.path.exists() else None

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as exc:
            raise CliError(f"cannot read {self.path}: {exc}", "correct the file, or delete it", USAGE) from exc

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            beside.unlink(missing_ok=True)
            # Never readable by others, not even while it is written.
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8") as out:
                out.write(_toml(self._content))
            beside.replace(self.path)
        except OSError as exc:
            raise CliError(
                f"cannot write {self.path}: {exc}", "check its directory, or set AGENTFLOW_CONFIG", USAGE
            ) from exc


def _toml(content: Mapping[str, Any]) -> str:
    lines = [f"profile = {_quoted(str(content['profile']))}\n"] if "profile" in content else []
    for name, settings in sorted(content.get("profiles", {}).items()):
        lines.append(f"\n[profiles.{_quoted(name)}]\n")
        lines += [f"{_quoted(key)} = {_quoted(str(value))}\n" for key, value in sorted(settings.items())]
    return "".join(lines).lstrip("\n")


def _quoted(text: str) -> str:
    import json

    # A string of JSON is a basic string of TOML, but for DEL.
    return json.dumps(text).replace("\x7f", "\\u007f")
