"""``agentctl org``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

ORGANISATIONS = "/api/v1/organisations"
_LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("TOPIC", "submissions_topic", wide=True),
    Column("JINJA", "jinja_prompts", wide=True),
    Column("AGE", "created_at", ago, right=True),
)
_CREATED = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("TOPIC", "submissions_topic"),
    Column("KEY ID", "key.id"),
    Column("KEY", "key.key"),
)

command = group("org", "Create and list organisations. It takes the platform's bootstrap key.")


@make(command, "create", changes=True, example="agentctl org create acme --name 'Acme Ltd'")
@click.argument("org")
@click.option("--name", help="A name for people.")
def create(session: Session, org: str, *, name: str | None) -> None:
    """Create the organisation with the id ORG and its first key, which is shown this once."""
    found = session.change("POST", ORGANISATIONS, {"id": org} | ({"name": name} if name else {}))
    session.one(found, _CREATED)
    session.note("store the key now: it is not shown again")


@make(command, "list", watch=True)
def list_organisations(session: Session) -> None:
    """List the organisations."""

    def show() -> None:
        found = session.get(ORGANISATIONS)
        session.rows(found, found["organisations"], _LIST)

    session.repeat(show)


@make(command, "get")
@click.argument("org")
def get(session: Session, org: str) -> None:
    """Show the organisation with the id ORG."""
    session.one(session.get(at(ORGANISATIONS, org)), _LIST)


@make(command, "rename", changes=True)
@click.argument("org")
@click.argument("name")
def rename(session: Session, org: str, name: str) -> None:
    """Give the organisation with the id ORG another NAME."""
    session.one(session.change("PATCH", at(ORGANISATIONS, org), {"name": name}), _LIST)


@make(command, "jinja", changes=True, example="agentctl org jinja acme on")
@click.argument("org")
@click.argument("allowed", metavar="on|off", type=OneOf(("on", "off")))
def jinja(session: Session, org: str, allowed: str) -> None:
    """Allow or forbid Jinja in prompts of the organisation with the id ORG."""
    session.one(session.change("PATCH", at(ORGANISATIONS, org), {"jinja_prompts": allowed == "on"}), _LIST)
