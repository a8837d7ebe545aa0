"""``agentctl key``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import one_of
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.runs import ago
from agentflow.cli.session import Session

KEYS = "/api/v1/keys"
LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("PERMISSIONS", "permissions"),
    Column("ENDS IN", "last4"),
    Column("AGE", "created_at", ago, right=True),
    Column("ORGANISATION", "organisation", wide=True),
)
_CREATED = (*LIST[:3], Column("KEY", "key"))

command = group("key", "Create, list and revoke API keys.")


@make(command, "create", changes=True, example="agentctl key create ci --permission read --permission write")
@click.argument("name")
@click.option(
    "--permission",
    "permissions",
    type=one_of(("read", "write", "admin")),
    multiple=True,
    help="What it may do. Repeatable; read and write by default.",
)
def create(session: Session, name: str, *, permissions: tuple[str, ...]) -> None:
    """Create the key NAME. It is shown this once."""
    body = {"name": name} | ({"permissions": list(permissions)} if permissions else {})
    found = session.change("POST", KEYS, body)
    session.one(found, _CREATED)
    session.note("store the key now: it is not shown again")


@make(command, "list", watch=True)
def list_keys(session: Session) -> None:
    """List the organisation's keys, without their secrets."""

    def show() -> None:
        found = session.get(KEYS)
        session.rows(found, found["keys"], LIST)

    session.repeat(show)


@make(command, "revoke", changes=True)
@click.argument("key")
def revoke(session: Session, key: str) -> None:
    """Revoke the key with the id KEY, within five seconds everywhere."""
    session.change("DELETE", at(KEYS, key))
    session.note(f"key {key} is revoked")
