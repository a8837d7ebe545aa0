"""Reads settings from environment variables: plain ones, secrets that may come from files, and URLs given in parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

#: ``<NAME>_FILE`` names a file that holds the secret ``<NAME>``.
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Var:
    """The environment variable of a setting."""

    name: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its place in the settings, its variable, its default as text, and whether it is a secret."""

    group: str
    field: str
    variable: str
    default: str
    secret: bool


def declared(settings: type[BaseSettings]) -> Iterator[Setting]:
    """Yield every setting of a class whose fields are groups, in the order of their declaration."""
    for group, holder in settings.model_fields.items():
        members = holder.annotation
        if not (isinstance(members, type) and issubclass(members, BaseModel)):
            raise TypeError(f"{settings.__name__}.{group} is not a group of settings")
        for name, field in members.model_fields.items():
            yield Setting(group, name, _variable(field), _text(field.default), field.annotation is SecretStr)


def read_secret(env: Mapping[str, str], name: str) -> str:
    """Return a secret from its variable or from the file that ``<name>_FILE`` names; empty when neither is set.

    One trailing newline of the file is no part of the secret. Raises ``ValueError`` that names variable and file, and
    never what is in it.
    """
    value, path = env.get(name, ""), env.get(name + FILE_SUFFIX, "")
    if not path:
        return value
    if value:
        raise ValueError(f"{name} and {name}{FILE_SUFFIX} are both set; leave one of them out")
    try:
        found = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        # Its message, and its place in a chain of exceptions, would show bytes of the secret.
        raise ValueError(f"{name}{FILE_SUFFIX}={path!r} is not UTF-8 text; write the secret as text") from None
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "not a path"
        raise ValueError(
            f"{name}{FILE_SUFFIX}={path!r} cannot be read ({why}); name a file that this process may read"
        ) from None
    secret = found.removesuffix("\n")  # "\r\n" was read as "\n"
    if not secret:
        raise ValueError(f"{name}{FILE_SUFFIX}={path!r} is empty; write the secret into it or leave the variable out")
    return secret


class Variables(PydanticBaseSettingsSource):
    """What an environment says of the settings. An empty variable counts as not set, and a whole URL wins over parts.

    ``errors`` has, after the call, one line for each variable that could not be read.
    """

    def __init__(self, settings: type[BaseSettings], env: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._env = env
        self.errors: dict[str, str] = {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what the environment says of one group."""
        found: dict[str, str] = {}
        for setting in declared(self.settings_cls):
            if setting.group == field_name and (value := self._value(setting)):
                found[setting.field] = value
        return found, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what is set, by group and field."""
        groups = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: found for name, found in groups.items() if found}

    def _value(self, setting: Setting) -> str:
        name = setting.variable
        try:
            if not setting.secret:
                return self._env.get(name, "")
            parts = _JOINED.get(name)
            return read_secret(self._env, name) or (parts(self._env) if parts is not None else "")
        except ValueError as exc:
            self.errors[name] = str(exc)
            return ""


def _variable(field: FieldInfo) -> str:
    return next(one.name for one in field.metadata if isinstance(one, Var))


def _text(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    return str(default).lower() if isinstance(default, bool) else str(default)


def _quoted(text: str) -> str:
    # A slash in a password would end the URL's host.
    return quote(text, safe="")


def _is_on(env: Mapping[str, str], name: str) -> bool:
    raw = env.get(name, "").lower()
    if raw not in ("", "true", "false"):
        raise ValueError(f"{name}={env[name]!r} is neither true nor false; write one of the two")
    return raw == "true"


def _places(hosts: str, port: str) -> str:
    """Return hosts, which commas separate, each with its port."""
    found = [host.strip() for host in hosts.split(",") if host.strip()]
    return ",".join(host if ":" in host.rpartition("]")[2] else f"{host}:{port}" for host in found)


def _database_url(env: Mapping[str, str]) -> str:
    if not env.get("DB_HOST"):
        return ""
    user, password = _quoted(env.get("DB_USER") or "agentflow"), _quoted(read_secret(env, "DB_PASSWORD"))
    where = _places(env["DB_HOST"], env.get("DB_PORT") or "5432")
    # Of several, the one that takes writes: after a failover it is another one.
    several = "&target_session_attrs=primary" if "," in where else ""
    query = f"sslmode={env.get('DB_SSL_MODE') or 'disable'}{several}"
    return f"postgresql://{user}:{password}@{where}/{env.get('DB_NAME') or 'agentflow'}?{query}"


def _redis_url(env: Mapping[str, str]) -> str:
    """Return the URL of one server, or of the several that ``REDIS_HOST`` names, in the form of ``REDIS_MODE``."""
    if not env.get("REDIS_HOST"):
        return ""
    mode = env.get("REDIS_MODE") or "single"
    if mode not in _REDIS_MODES:
        raise ValueError(f"REDIS_MODE={mode!r} is not one of {', '.join(_REDIS_MODES)}; write one of them")
    user, password = env.get("REDIS_USERNAME", ""), read_secret(env, "REDIS_PASSWORD")
    if user and not password:
        raise ValueError("REDIS_PASSWORD is missing beside REDIS_USERNAME; set it, or leave both out")
    login = f"{_quoted(user)}:{_quoted(password)}@" if password else ""
    kind, port = _REDIS_MODES[mode]
    scheme = ("rediss" if _is_on(env, "REDIS_TLS") else "redis") + kind
    port = env.get("REDIS_PORT") or port
    where = _places(env["REDIS_HOST"], port)
    match mode:
        case "cluster":
            return f"{scheme}://{login}{where}"
        case "sentinel":
            return f"{scheme}://{login}{where}/0?{_sentinel_query(env)}"
    return f"{scheme}://{login}{where}/0"


def _sentinel_query(env: Mapping[str, str]) -> str:
    master, password = env.get("REDIS_SENTINEL_MASTER") or "", read_secret(env, "REDIS_SENTINEL_PASSWORD")
    if not master:
        raise ValueError("REDIS_MODE=sentinel needs REDIS_SENTINEL_MASTER, the name in `sentinel monitor NAME`; set it")
    return f"master={_quoted(master)}" + (f"&sentinel_password={_quoted(password)}" if password else "")


def _clickhouse_url(env: Mapping[str, str]) -> str:
    if not env.get("CLICKHOUSE_HOST"):
        return ""
    user, password = env.get("CLICKHOUSE_USER") or "default", read_secret(env, "CLICKHOUSE_PASSWORD")
    login = f"{_quoted(user)}:{_quoted(password)}@" if password or user != "default" else ""
    scheme, port = ("https", "8443") if _is_on(env, "CLICKHOUSE_SECURE") else ("http", "8123")
    return f"{scheme}://{login}{_places(env['CLICKHOUSE_HOST'], env.get('CLICKHOUSE_HTTP_PORT') or port)}"


#: What each kind of Redis adds to the scheme, and the port of a host that names none.
_REDIS_MODES = {
    "single": ("", "6379"),
    "sentinel": ("+sentinel", "26379"),
    "cluster": ("+cluster", "6379"),
}
#: The variables that together say what a URL says, its host first.
PARTS: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME", "DB_SSL_MODE"),
    "REDIS_URL": (
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_USERNAME",
        "REDIS_PASSWORD",
        "REDIS_TLS",
        "REDIS_MODE",
        "REDIS_SENTINEL_MASTER",
        "REDIS_SENTINEL_PASSWORD",
    ),
    "CLICKHOUSE_URL": (
        "CLICKHOUSE_HOST",
        "CLICKHOUSE_HTTP_PORT",
        "CLICKHOUSE_USER",
        "CLICKHOUSE_PASSWORD",
        "CLICKHOUSE_SECURE",
    ),
}
_JOINED: dict[str, Callable[[Mapping[str, str]], str]] = {
    "DATABASE_URL": _database_url,
    "REDIS_URL": _redis_url,
    "CLICKHOUSE_URL": _clickhouse_url,
}
