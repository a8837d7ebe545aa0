"""``agentctl prompt``."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands import prompt_labels, prompt_quality, prompt_scoring
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.commands.prompts.evaluate import evaluate
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import Entry, LazyGroup
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import json_object, read_text, version_or_label
from agentflow.cli.views.runs import ago

_LIST = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("VERSIONS", "versions", right=True),
    Column("LABELS", "labels"),
    Column("AGE", "created_at", ago, right=True),
    Column("HASH", "hash", wide=True),
)
_ONE = (
    Column("NAME", "name"),
    Column("VERSION", "version"),
    Column("TEMPLATE", "template"),
    Column("SCHEMA", "schema"),
    Column("FORM", "form"),
    Column("LABELS", "labels"),
    Column("MESSAGE", "message"),
    Column("PROJECT", "project"),
    Column("HASH", "hash"),
    Column("CREATED", "created_at"),
    Column("ARCHIVED", "archived_at"),
)

#: Commands that read files load the server's rules, which takes longer than all of the others.
FILES = {
    "pull": Entry("prompts.pull", "Write prompts as files."),
    "push": Entry("prompts.push", "Create versions of what changed in files."),
    "diff": Entry("prompts.differences", "Show what differs between versions and files."),
    "lint": Entry("prompts.lint", "Check files of prompts."),
    "import": Entry("prompts.importing", "Make files of those of other programs."),
    "export": Entry("prompts.exporting", "Print a prompt as the file of another program."),
    "optimise": Entry("prompts.optimise", "Search for a better version within a budget."),
}
ROLLOUTS = {
    "deploy": Entry("prompts.deploy", "Deploy a version, at once or by a rollout that statistics decide."),
    "rollout": Entry("prompts.rollout", "See how rollouts are; decide them by hand."),
}
command = LazyGroup(
    name="prompt",
    entries=FILES | ROLLOUTS,
    help="Create and deploy versions of prompts; label and archive them.",
    no_args_is_help=True,
)
for _one in (*prompt_labels.COMMANDS, *prompt_scoring.COMMANDS, *prompt_quality.COMMANDS):
    command.add_command(_one)
command.add_command(evaluate)


@make(command, "create", changes=True, example="""agentctl prompt create greeter --template 'Greet {{name}}'""")
@click.argument("name")
@click.option("--template", metavar="TEXT", help="The text, with {{variables}}; @file reads it from a file.")
@click.option("--schema", metavar="JSON", help="The schema of its variables: JSON or @file.")
@click.option("--version", type=click.IntRange(1), help="The number of the version; the next one by default.")
@click.option("--message", metavar="TEXT", help="Why it is made.")
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL", help="A label that names it from now on. Repeatable."
)
def create(
    session: Session, name: str, *, template: str | None, schema: str | None, labels: tuple[str, ...], **fields: Any
) -> None:
    """Create a version of the prompt NAME."""
    if not template:
        raise CliError("the prompt has no template", "give --template 'text with {{variables}}' or @file", USAGE)
    body: dict[str, Any] = {"name": name, "template": read_text(template[1:]) if template.startswith("@") else template}
    if schema is not None:
        body["schema"] = json_object(schema, "--schema")
    body |= {field: value for field, value in fields.items() if value is not None}
    if labels:
        body["labels"] = list(labels)
    session.one(session.change("POST", PROMPTS, body), _ONE, "name")


@make(command, "list", watch=True)
@click.option("--archived", is_flag=True, help="List the archived ones instead.")
def list_prompts(session: Session, *, archived: bool) -> None:
    """List the prompts, the newest version of each."""

    def show() -> None:
        found = session.get(PROMPTS, archived=archived or None)
        session.rows(found, found["prompts"], _LIST, "name")

    session.repeat(show)


@make(command, "get", example="agentctl prompt get greeter production")
@click.argument("name")
@click.argument("version", metavar="[VERSION|LABEL]", required=False)
def get(session: Session, name: str, *, version: str | None) -> None:
    """Show the VERSION of the prompt NAME, or the one that LABEL names; the newest by default."""
    which = None if version is None else version_or_label(version)
    params = {} if which is None else {"version" if isinstance(which, int) else "label": which}
    session.one(session.get(at(PROMPTS, name), **params), _ONE, "name")


@make(command, "register", changes=True, example="agentctl prompt register examples/prompts/document_analyzer.yaml")
@click.argument("files", nargs=-1, required=True)
def register(session: Session, files: tuple[str, ...]) -> None:
    """Create the prompts in FILES, YAML or JSON; - is stdin."""
    documents = [read_text(file) for file in files]
    if session.given.get("dry-run"):
        for document in documents:
            session.print_request("POST", PROMPTS, document)
        return
    found = [session.send("POST", PROMPTS, document=document) for document in documents]
    session.rows(found[0] if len(found) == 1 else found, found, _ONE[:2], "name")
