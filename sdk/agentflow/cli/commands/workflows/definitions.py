"""Definitions of workflows: register, validate, definitions, definition and graph."""

from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command
from agentflow.cli.session import Session
from agentflow.cli.units import read_text
from agentflow.cli.views.graph import FORMS, drawn
from agentflow.cli.views.runs import ago

WORKFLOWS = "/api/v1/workflows"
_REGISTERED = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("NEW", "new"),
    Column("INPUTS", "required_inputs"),
    Column("HASH", "hash", wide=True),
)
_LIST = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("VERSIONS", "versions", right=True),
    Column("INPUTS", "required_inputs"),
    Column("AGE", "created_at", ago, right=True),
)
_ONE = (
    Column("NAME", "name"),
    Column("VERSION", "version"),
    Column("INPUTS", "required_inputs"),
    Column("HASH", "hash"),
    Column("CREATED", "created_at"),
)


def _warn(session: Session, found: dict[str, Any]) -> None:
    for warning in found.get("warnings") or ():
        fix = f"; {warning['fix']}" if warning.get("fix") else ""
        session.note(f"warning: {warning['path']} {warning['message']}{fix}")


def _register(session: Session, files: tuple[str, ...], *, dry_run: bool) -> None:
    documents = [read_text(file) for file in files]
    params = {"dry_run": "true"} if dry_run else None
    found = [session.send("POST", WORKFLOWS, document=document, params=params) for document in documents]
    for one in found:
        _warn(session, one)
    columns = _REGISTERED if dry_run else tuple(column for column in _REGISTERED if column.path != "new")
    session.rows(found[0] if len(found) == 1 else found, found, columns, "name")


@command(None, "register", changes=True, example="agentctl workflow register flow.yaml")
@click.argument("files", nargs=-1, required=True)
def register(session: Session, files: tuple[str, ...]) -> None:
    """Register the workflows in FILES, YAML or JSON; - is stdin. The same document again changes nothing."""
    _register(session, files, dry_run=bool(session.given.get("dry-run")))


@command(None, "validate", example="agentctl workflow validate flow.yaml")
@click.argument("files", nargs=-1, required=True)
def validate(session: Session, files: tuple[str, ...]) -> None:
    """Check the workflows in FILES as their registration would, and store nothing."""
    _register(session, files, dry_run=True)


@command(None, "definitions", watch=True)
def definitions(session: Session) -> None:
    """List the registered workflows, the newest version of each."""

    def show() -> None:
        found = session.get(WORKFLOWS)
        session.rows(found, found["workflows"], _LIST, "name")

    session.repeat(show)


@command(None, "definition", example="agentctl workflow definition document_analysis -o yaml")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="The version; the newest by default.")
def definition(session: Session, name: str, *, version: int | None) -> None:
    """Show the workflow NAME; -o yaml prints its document as well."""
    session.one(session.get(at(WORKFLOWS, name), version=version), _ONE, "name")


@command(
    None, "graph", formats=(*FORMS, "json"), example="agentctl workflow graph document_analysis -o mermaid > flow.mmd"
)
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="The version; the newest by default.")
def graph(session: Session, name: str, *, version: int | None) -> None:
    """Draw the nodes and edges of the workflow NAME."""
    spec = session.get(at(WORKFLOWS, name), version=version)["spec"]
    form = str(session.given.get("output") or FORMS[0])
    click.echo(output.json_text(spec["dag"]) if form == "json" else drawn(spec, form))


COMMANDS = (register, validate, definitions, definition, graph)
