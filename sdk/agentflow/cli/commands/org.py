"""``agentctl org``."""

import click

from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session

_CREATED = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("TOPIC", "submissions_topic"),
    Column("KEY ID", "key.id"),
    Column("KEY", "key.key"),
)

command = group("org", "Create organisations.")


@make(command, "create", changes=True, example="agentctl org create acme --name 'Acme Ltd'")
@click.argument("org")
@click.option("--name", help="A name for people.")
def create(session: Session, org: str, *, name: str | None) -> None:
    """Create the organisation with the id ORG and its first key. It takes the platform's bootstrap key."""
    found = session.change("POST", "/api/v1/organisations", {"id": org} | ({"name": name} if name else {}))
    session.one(found, _CREATED)
    session.note("store the key now: it is not shown again")
