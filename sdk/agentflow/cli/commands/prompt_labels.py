"""``agentctl prompt``: versions, the labels that name them, and archives."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

_VERSIONS = (
    Column("VERSION", "version", right=True),
    Column("LABELS", "labels"),
    Column("MESSAGE", "message"),
    Column("AUTHOR", "author"),
    Column("PARENT", "parent", right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("HASH", "hash", wide=True),
)
_LABELS = (
    Column("LABEL", "label"),
    Column("VERSION", "version", right=True),
    Column("MOVES", "revision", right=True),
    Column("MOVED BY", "moved_by"),
    Column("AGE", "moved_at", ago, right=True),
)
_MOVES = (*_LABELS[:2], Column("MOVE", "revision", right=True), *_LABELS[3:])
_ARCHIVED = (Column("NAME", "name"), Column("VERSION", "version", right=True), Column("ARCHIVED", "archived_at"))
#: Written for a label that must not exist yet, or that is to be removed.
NONE = "none"


@make(None, "versions", watch=True, example="agentctl prompt versions greeter")
@click.argument("name")
def versions(session: Session, name: str) -> None:
    """List the versions of the prompt NAME, with their authors, messages and labels."""

    def show() -> None:
        found = session.get(at(PROMPTS, name, "versions"))
        session.rows(found, found["versions"], _VERSIONS, "version")

    session.repeat(show)


@make(None, "labels", watch=True, example="agentctl prompt labels greeter --history")
@click.argument("name")
@click.option("--history", is_flag=True, help="List every move instead.")
def labels(session: Session, name: str, *, history: bool) -> None:
    """List the labels of the prompt NAME, and who moved them."""

    def show() -> None:
        found = session.get(at(PROMPTS, name, "labels"))
        session.rows(found, found["moves" if history else "labels"], _MOVES if history else _LABELS, "label")

    session.repeat(show)


@make(None, "label", changes=True, example="agentctl prompt label greeter production 4 --expect 3")
@click.argument("name")
@click.argument("label")
@click.argument("version", metavar="VERSION|none")
@click.option("--expect", metavar="VERSION|none", help="Only if the label names this now; it names what it may else.")
def label(session: Session, name: str, label: str, version: str, *, expect: str | None) -> None:
    """Let LABEL of the prompt NAME name VERSION; none removes the label."""
    path, expected = at(PROMPTS, name, "labels", label), None if expect is None else _version(expect, "--expect")
    if version == NONE:
        session.change("DELETE", path, params={"expected_version": expected})
        session.note(f"label {label} of {name} is removed")
        return
    body: dict[str, Any] = {"version": _version(version, "VERSION")}
    if expect is not None:
        body["expected_version"] = expected
    session.one(session.change("PUT", path, body), _LABELS, "version")


@make(None, "archive", changes=True, example="agentctl prompt archive greeter")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also if workflows name it; they cannot be submitted then.")
def archive(session: Session, name: str, *, force: bool) -> None:
    """Archive the prompt NAME: nothing new may use it, and what runs used can be read."""
    found = session.change("DELETE", at(PROMPTS, name), params={"force": True if force else None})
    session.one(found, _ARCHIVED, "name")


@make(None, "restore", changes=True, example="agentctl prompt restore greeter")
@click.argument("name")
def restore(session: Session, name: str) -> None:
    """Restore the archived prompt NAME."""
    session.one(session.change("POST", at(PROMPTS, name, "restore")), _ARCHIVED, "name")


def _version(text: str, what: str) -> int | None:
    if text == NONE:
        return None
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise CliError(f"{what} is '{text}', which is no version", "write a number such as 3, or none", USAGE)
    return int(text)


COMMANDS = (versions, labels, label, archive, restore)
