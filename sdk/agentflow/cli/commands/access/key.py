"""``agentctl key``."""

from collections.abc import Callable
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION, group
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import iso
from agentflow.cli.views.runs import ago

KEYS = "/api/v1/keys"
PERMISSIONS = ("read", "write", "admin")
LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("PERMISSIONS", "permissions"),
    Column("SCOPES", "scopes"),
    Column("PROJECT", "project"),
    Column("ENDS IN", "last4"),
    Column("EXPIRES", "expires_at"),
    Column("USED", "last_used_at", ago, right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("REQUESTS PER MINUTE", "requests_per_minute", wide=True, right=True),
    Column("OLD SECRET UNTIL", "old_secret_until", wide=True),
)
_SHOWN_ONCE = (*LIST[:5], Column("EXPIRES", "expires_at"), Column("OLD SECRET UNTIL", "old_secret_until"))
_CREATED = (*_SHOWN_ONCE, Column("KEY", "key"))

command = group("key", "Create, list, rotate and revoke API keys.")


def _rights(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a key may do."""
    for option in (
        click.option("--rate", type=click.IntRange(1), help="The most requests in a minute."),
        click.option("--expires", metavar="TIME", help="30d, or a time with a zone; never by default."),
        click.option(
            "--scope",
            "scopes",
            multiple=True,
            metavar="SCOPE",
            help="workflow:<name>, prompt:<name> or gateway. Repeatable.",
        ),
        click.option(
            "--permission", "permissions", type=OneOf(PERMISSIONS), multiple=True, help="What it may do. Repeatable."
        ),
    ):
        function = option(function)
    return function


def _body(
    session: Session, permissions: tuple[str, ...], scopes: tuple[str, ...], expires: str | None, rate: int | None
) -> dict[str, Any]:
    optional = {
        "permissions": list(permissions) or None,
        "scopes": list(scopes) or None,
        "expires_at": None if expires is None else _expiry(session, expires),
        "requests_per_minute": rate,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _expiry(session: Session, text: str) -> str:
    if "T" in text:
        return text
    return iso(session.now() + float(DURATION.convert(text, None, None)))


@make(command, "create", changes=True, example="agentctl key create ci --permission write --scope workflow:report")
@click.argument("name")
@_rights
@click.option("--project", metavar="ID", help="The project that it belongs to.")
def create(session: Session, name: str, *, project: str | None, **rights: Any) -> None:
    """Create the key NAME; it may read and write by default. It is shown this once."""
    body = {"name": name, **_body(session, **rights), **({"project": project} if project else {})}
    _show_once(session, session.change("POST", KEYS, body))


def _show_once(session: Session, found: Any) -> None:
    session.one(found, _CREATED)
    session.note("store the key now: it is not shown again")


@make(command, "list", watch=True)
@click.option("--project", metavar="ID", help="Only keys of this project.")
def list_keys(session: Session, *, project: str | None) -> None:
    """List the organisation's keys, without their secrets."""

    def show() -> None:
        found = session.get(KEYS, project=project)
        session.rows(found, found["keys"], LIST)

    session.repeat(show)


@make(command, "get", watch=True)
@click.argument("key")
def get(session: Session, key: str) -> None:
    """Show the key with the id KEY, without its secret."""
    session.repeat(lambda: session.one(session.get(at(KEYS, key)), LIST))


@make(command, "update", changes=True, example="agentctl key update 7f3a --rate 600")
@click.argument("key")
@_rights
@click.option("--name", help="The new name.")
def update(session: Session, key: str, *, name: str | None, **rights: Any) -> None:
    """Change what the key with the id KEY may do."""
    body = _body(session, **rights) | ({"name": name} if name else {})
    if not body:
        raise CliError("nothing to change", "give --permission, --scope, --expires, --rate or --name", USAGE)
    session.one(session.change("PATCH", at(KEYS, key), body), LIST)


@make(command, "rotate", changes=True, example="agentctl key rotate 7f3a --overlap 1h")
@click.argument("key")
@click.option("--overlap", type=DURATION, default="0", show_default=True, help="How long the old secret works.")
def rotate(session: Session, key: str, *, overlap: float) -> None:
    """Give the key with the id KEY a new secret. It is shown this once."""
    _show_once(session, session.change("POST", at(KEYS, key, "rotate"), {"overlap_s": round(overlap)}))


@make(command, "revoke", changes=True)
@click.argument("key")
def revoke(session: Session, key: str) -> None:
    """Revoke the key with the id KEY, within five seconds everywhere."""
    session.change("DELETE", at(KEYS, key))
    session.note(f"key {key} is revoked")


@make(command, "whoami")
def whoami(session: Session) -> None:
    """Show what the key of this command is, and may do."""
    columns = (
        Column("ORGANISATION", "organisation"),
        Column("KEY", "key_id"),
        Column("KIND", "kind"),
        Column("PERMISSIONS", "permissions"),
        Column("SCOPES", "scopes"),
        Column("PROJECT", "project"),
        Column("PLATFORM", "platform", lambda value: "yes" if value else ""),
        Column("EXPIRES", "expires_at"),
    )
    session.one(session.get("/api/v1/whoami"), columns, "key_id")
