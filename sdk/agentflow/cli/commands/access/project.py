"""``agentctl project``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

PROJECTS = "/api/v1/projects"
_LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("ARCHIVED", "archived", lambda value: "yes" if value else ""),
    Column("AGE", "created_at", ago, right=True),
)

command = group("project", "Create and list projects: budgets, keys and lists filter by them.")


@make(command, "create", changes=True, example="agentctl project create search --name 'Search team'")
@click.argument("project")
@click.option("--name", help="A name for people.")
def create(session: Session, project: str, *, name: str | None) -> None:
    """Create the project with the id PROJECT."""
    session.one(session.change("POST", PROJECTS, {"id": project} | ({"name": name} if name else {})), _LIST)


@make(command, "list", watch=True)
@click.option("--archived", is_flag=True, help="Also those that are archived.")
def list_projects(session: Session, *, archived: bool) -> None:
    """List the projects."""

    def show() -> None:
        found = session.get(PROJECTS, archived="true" if archived else None)
        session.rows(found, found["projects"], _LIST)

    session.repeat(show)


@make(command, "archive", changes=True)
@click.argument("project")
@click.option("--undo", is_flag=True, help="Use it again.")
def archive(session: Session, project: str, *, undo: bool) -> None:
    """Archive PROJECT: nothing new is submitted for it."""
    session.one(session.change("PATCH", at(PROJECTS, project), {"archived": not undo}), _LIST)
