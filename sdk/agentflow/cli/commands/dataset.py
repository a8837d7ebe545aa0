"""``agentctl dataset``."""

import json
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group, page_options
from agentflow.cli.paging import pages
from agentflow.cli.row_files import form_of
from agentflow.cli.session import Session
from agentflow.cli.units import moment, pairs, read_text
from agentflow.cli.views.runs import ago

DATASETS = "/api/v1/datasets"
_LINES = "application/x-ndjson"
_TYPES = {"jsonl": _LINES, "ndjson": _LINES, "csv": "text/csv", "json": "application/json"}
_LIST = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("CASES", "cases", right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("MESSAGE", "message"),
    Column("AUTHOR", "author", wide=True),
    Column("HASH", "hash", wide=True),
)
_ONE = (*(column for column in _LIST if column.title != "AGE"), Column("CREATED", "created_at"))
_ROWS = (
    Column("ID", "id"),
    Column("INPUTS", "inputs"),
    Column("EXPECTED", "expected"),
    Column("TAGS", "tags"),
    Column("CLUSTER", "cluster", wide=True),
)

command = group("dataset", "Import and list datasets, the cases by which prompts are evaluated.")


@make(command, "import", changes=True, example="agentctl dataset import questions questions.jsonl -m 'from support'")
@click.argument("name")
@click.argument("file")
@click.option("--format", "form", type=OneOf(tuple(_TYPES)), help="Of FILE; by its ending without it.")
@click.option("-m", "--message", metavar="TEXT", help="The reason of this version.")
@click.option("--source", metavar="LABEL", help="The label of all cases, such as 'web class:pii'.")
@click.option("--column", "columns", multiple=True, metavar="NAME=LABEL",
              help="The label of one input: text='web class:pii'; others have --source. Repeatable.")  # fmt: skip
def import_(
    session: Session, name: str, file: str, *, form: str | None, columns: tuple[str, ...], **given: str | None
) -> None:
    """Store the cases in FILE, JSON lines or CSV, as the next version of the dataset NAME; - is stdin."""
    kind = _TYPES[form_of(file, form, _TYPES)]
    document = read_text(file)
    params = {"name": name} | {option: value for option, value in given.items() if value is not None}
    params |= {"columns": json.dumps(pairs(columns, "--column"))} if columns else {}
    if session.given.get("dry-run"):
        session.print_request("POST", DATASETS, {**params, "bytes": len(document.encode())})
        return
    session.one(session.send("POST", DATASETS, params=params, document=document, content_type=kind), _ONE, "id")


@make(command, "list", watch=True)
def list_datasets(session: Session) -> None:
    """List the datasets, the newest version of each."""

    def show() -> None:
        found = session.get(DATASETS)
        session.rows(found, found["datasets"], _LIST, "name")

    session.repeat(show)


@make(command, "get", example="agentctl dataset get questions 2")
@click.argument("name")
@click.argument("version", type=click.IntRange(1), required=False)
def get(session: Session, name: str, *, version: int | None) -> None:
    """Show a VERSION of the dataset NAME; the newest by default."""
    session.one(session.get(at(DATASETS, name), version=version), _ONE, "id")


@make(command, "rows", example="agentctl dataset rows questions --limit 5")
@click.argument("name")
@click.argument("version", type=click.IntRange(1), required=False)
@page_options
def rows(session: Session, name: str, *, version: int | None, limit: int) -> None:
    """List the cases of a VERSION of the dataset NAME; of the newest by default."""
    params = {} if version is None else {"version": version}
    found = list(pages(session, at(DATASETS, name, "rows"), "cases", params, limit))
    session.rows({"cases": found}, found, _ROWS)


@make(
    command,
    "from-runs",
    changes=True,
    example="agentctl dataset from-runs production --workflow document_analysis --node summarize --since 1d",
)
@click.argument("name")
@click.option("--workflow", required=True, metavar="NAME", help="The workflow of the runs.")
@click.option("--node", metavar="ID", help="The llm node; all by default.")
@click.option("--prompt", metavar="NAME", help="Nodes with this prompt alone.")
@click.option("--status", default="succeeded", show_default=True, help="The state of the runs.")
@click.option("--since", metavar="TIME", help="Runs since then: 1d, or RFC 3339.")
@click.option("--until", metavar="TIME", help="Runs before then.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="The most cases.")
@click.option("--no-expected", is_flag=True, help="Do not take what the runs answered as what is expected.")
@click.option(
    "--iterations",
    type=OneOf(("last", "all")),
    default="last",
    show_default=True,
    help="Of a node in a loop, whose answers.",
)
@click.option("-m", "--message", metavar="TEXT", help="The reason of this version.")
def from_runs(session: Session, name: str, *, no_expected: bool, **given: Any) -> None:
    """Make the next version of the dataset NAME of what models were asked in runs, redacted by the active policy."""
    given |= {"since": moment(given["since"]), "until": moment(given["until"])}
    body = {"name": name} | {key: value for key, value in given.items() if value is not None}
    if no_expected:
        body["expected"] = False
    if body["iterations"] == "last":
        del body["iterations"]
    found = session.change("POST", f"{DATASETS}/from-runs", body)
    if found["skipped"]:
        session.note("left out: " + ", ".join(f"{count} {reason}" for reason, count in found["skipped"].items()))
    if found.get("redacted"):
        session.note(
            "taken out: " + "; ".join(f"{name}: {_counts(kinds)}" for name, kinds in found["redacted"].items())
        )
    session.one(found, _ONE, "id")


def _counts(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
