"""``agentctl secret``."""

from pathlib import Path

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

SECRETS = "/api/v1/secrets"
_LIST = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("HOSTS", "hosts", ",".join),
    Column("TOOLS", "tools", ",".join),
    Column("CHANGED", "changed_at", ago, right=True),
    Column("USED", "last_used_at", ago, right=True),
    Column("CREATED BY", "created_by", wide=True),
)
_VERSIONS = (
    Column("VERSION", "version", right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("CREATED BY", "created_by"),
)

command = group("secret", "Store secrets for tools; rotate and remove them.")


@make(command, "set", changes=True, example='printf %s "$KEY" | agentctl secret set SHOP_KEY --host api.example.com')
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="Where a header may carry it, such as api.example.com.")
@click.option("--tool", "tools", multiple=True, help="A tool that may use it, or a pattern; each that sends, without.")
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False), help="Read the value from a file.")
def set_secret(
    session: Session, *, name: str, hosts: tuple[str, ...], tools: tuple[str, ...], file: str | None
) -> None:
    """Store a value as the newest version of NAME, from standard input or a file. It is never read back."""
    body: dict[str, object] = {"value": _value(file)}
    body |= {"hosts": list(hosts)} if hosts else {}
    body |= {"tools": list(tools)} if tools else {}
    session.one(session.change("PUT", at(SECRETS, name), body), _LIST, "name")


@make(command, "list", watch=True)
def list_secrets(session: Session) -> None:
    """List secrets, without their values."""

    def show() -> None:
        found = session.get(SECRETS)
        session.rows(found, found["secrets"], _LIST, "name")

    session.repeat(show)


@make(command, "versions")
@click.argument("name")
def versions(session: Session, name: str) -> None:
    """List the versions of NAME that are kept, the newest first."""
    found = session.get(at(SECRETS, name))
    session.rows(found, found["versions"], _VERSIONS, "version")


@make(command, "allow", changes=True)
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="Where a header may carry it; replaces all.")
@click.option("--tool", "tools", multiple=True, help="A tool that may use it, or a pattern; replaces all.")
def allow(session: Session, *, name: str, hosts: tuple[str, ...], tools: tuple[str, ...]) -> None:
    """Change what may use NAME."""
    given = {"hosts": list(hosts), "tools": list(tools)}
    body = {name: value for name, value in given.items() if value}
    if not body:
        raise CliError("nothing is changed", "name hosts by --host, or tools by --tool", USAGE)
    session.one(session.change("PATCH", at(SECRETS, name), body), _LIST, "name")


@make(command, "use", changes=True)
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
def use(session: Session, *, name: str, version: int) -> None:
    """Put VERSION of NAME in force again."""
    session.one(session.change("PATCH", at(SECRETS, name), {"version": version}), _LIST, "name")


@make(command, "delete", changes=True)
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Remove this version alone, which must not be in force.")
def delete(session: Session, *, name: str, version: int | None) -> None:
    """Remove NAME with all of its versions."""
    if version is None:
        session.change("DELETE", at(SECRETS, name))
        session.note(f"secret {name} is removed")
        return
    session.change("DELETE", at(SECRETS, name, "versions", str(version)))
    session.note(f"version {version} of secret {name} is removed")


def _value(file: str | None) -> str:
    """Return the value without its last line end. It is no argument: those are in the list of processes."""
    stream = click.get_text_stream("stdin")
    if file is not None:
        text = Path(file).read_text(encoding="utf-8")
    elif stream.isatty():
        text = str(click.prompt("value", hide_input=True, err=True))
    else:
        text = stream.read()
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise CliError("the value is empty", "write it to standard input, or name a file by --file", USAGE)
    return value
