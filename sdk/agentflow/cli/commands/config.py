"""``agentctl config``: the client's own configuration. A lazy group: further commands are entries with a module."""

from pathlib import Path

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import NOT_FOUND, USAGE, CliError
from agentflow.cli.lazy import LazyGroup
from agentflow.cli.nearest import hint
from agentflow.cli.options import command as make
from agentflow.cli.output import FORMATS
from agentflow.cli.profiles import SETTINGS, ConfigFile, config_file
from agentflow.cli.session import Session
from agentflow.cli.settings import masked

_SHOW = (Column("SETTING", "setting"), Column("VALUE", "value"), Column("ORIGIN", "origin"))
_PROFILES = (
    Column("PROFILE", "profile"),
    Column("CURRENT", "current", lambda value: "yes" if value else ""),
    Column("ENDPOINT", "endpoint"),
    Column("ORG-ID", "org-id"),
)

_SERVER = (*_SHOW[:1], Column("VARIABLE", "variable"), *_SHOW[1:])
_PROBLEMS = (Column("LINE", "line"), Column("PROBLEM", "problem"))

command = LazyGroup(
    name="config",
    entries={},
    help="Set and show the address, the key and the profiles of this command line; check a server's file.",
    no_args_is_help=True,
)


def _file(session: Session) -> ConfigFile:
    return ConfigFile(config_file(session.env))


def _profile(session: Session, file: ConfigFile) -> str:
    return str(session.given.get("profile") or session.env.get("AGENTFLOW_PROFILE") or file.current)


def _known(setting: str) -> str:
    found = setting.replace("_", "-").lower()
    if found not in SETTINGS:
        raise CliError(f"{setting!r} is not a setting", hint(found, SETTINGS, f"one of {', '.join(SETTINGS)}"), USAGE)
    return found


def _checked(setting: str, value: str) -> str:
    if setting == "endpoint" and not value.startswith(("http://", "https://")):
        raise CliError(f"{value!r} is not an address", "write it as https://host or http://host:port", USAGE)
    if setting == "output" and value not in FORMATS:
        raise CliError(f"{value!r} is not a format", hint(value, FORMATS, f"one of {', '.join(FORMATS)}"), USAGE)
    if not value or not value.isprintable():
        raise CliError(f"the {setting} has no value that can be used", "remove line breaks, or use config unset", USAGE)
    return value


@make(command, "set", example="agentctl config set endpoint https://agentflow.example.com")
@click.argument("setting")
@click.argument("value")
def set_value(session: Session, setting: str, value: str) -> None:
    """Store a SETTING in the profile: endpoint, org-id, token or output. - reads the VALUE from stdin."""
    name = _known(setting)
    text = click.get_text_stream("stdin").readline().strip() if value == "-" else value.strip()
    file = _file(session)
    profile = _profile(session, file)
    file.set(profile, name, _checked(name, text))
    session.note(f"{name} is set in the profile {profile} ({file.path})")


@make(command, "unset")
@click.argument("setting")
def unset(session: Session, setting: str) -> None:
    """Remove a SETTING from the profile."""
    name, file = _known(setting), _file(session)
    profile = _profile(session, file)
    if not file.unset(profile, name):
        raise CliError(f"{name} is not set in the profile {profile}", "see `agentctl config show`", NOT_FOUND)
    session.note(f"{name} is removed from the profile {profile}")


@make(command, "get", example="agentctl config get endpoint")
@click.argument("setting")
def get(session: Session, setting: str) -> None:
    """Print the value that a SETTING has; a token is masked."""
    name = _known(setting)
    found = next(row["value"] for row in session.settings.shown() if row["setting"] == name)
    if found is None:
        raise CliError(f"{name} is not set", f"set it: agentctl config set {name} <value>", NOT_FOUND)
    click.echo(found)


@make(command, "show", example="agentctl config show --file config/worker.yaml")
@click.option("--file", "path", metavar="FILE", help="Show the settings of a server that reads this file instead.")
def show(session: Session, path: str | None) -> None:
    """Show every setting with the origin of its value. Secrets are masked."""
    if path is not None:
        _show_server(session, path)
        return
    settings = session.settings
    rows = [{"setting": "profile", "value": settings.profile, "origin": str(settings.file)}, *settings.shown()]
    session.rows({"settings": rows}, rows, _SHOW, "setting")


def _show_server(session: Session, path: str) -> None:
    from agentflow.server_config import read_config, report

    found = read_config(path, _text(path), session.env)
    rows = [
        {"setting": one.key, "variable": one.variable, "value": one.value, "origin": one.origin}
        for one in report(session.env, found)
    ]
    session.rows({"settings": rows}, rows, _SERVER, "setting")


@make(command, "check", example="agentctl config check config/worker.yaml")
@click.argument("file")
def check(session: Session, file: str) -> None:
    """Check the configuration FILE of the API or of stream roles, with the environment that they would have."""
    from agentflow.server_config import check_config

    found = check_config(file, _text(file), session.env)
    problems = found.problems
    for unused in found.unused:
        session.note(f"{file}:{unused}")
    if not problems:
        session.note(f"{file} is right")
        return
    rows = [{"line": problem.line or None, "problem": problem.text} for problem in problems]
    session.rows({"problems": rows}, rows, _PROBLEMS, "problem")
    raise CliError(f"{file} has {len(problems)} problem{'s' * (len(problems) > 1)}", "correct each line above", USAGE)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise CliError(f"{path} cannot be read: {why}", "name a YAML file", USAGE) from exc


@make(command, "profiles")
def profiles(session: Session) -> None:
    """List the profiles."""
    file = _file(session)
    rows = [
        {
            "profile": name,
            "current": name == file.current,
            **{key: masked(value) if key == "token" else value for key, value in values.items()},
        }
        for name, values in sorted(file.profiles.items())
    ]
    session.rows({"profiles": rows}, rows, _PROFILES, "profile")


@make(command, "use", example="agentctl config use production")
@click.argument("profile")
def use(session: Session, profile: str) -> None:
    """Make PROFILE the one that is used without --profile."""
    file = _file(session)
    file.profile(profile)
    file.use(profile)
    session.note(f"the profile {profile} is used now")
