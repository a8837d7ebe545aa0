"""``agentctl evaluation``."""

import re
from collections.abc import Sequence

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group, page_options
from agentflow.cli.paging import pages
from agentflow.cli.row_files import Row, form_of, json_rows, table_rows
from agentflow.cli.session import Session
from agentflow.cli.units import read_text, usd
from agentflow.cli.views.evaluations import EVALUATIONS, answers, show_report, write_reports
from agentflow.cli.views.runs import ago

_LIST = (
    Column("ID", "id"),
    Column("PROMPT", "prompt"),
    Column("VERSION", "version", right=True),
    Column("AGAINST", "against", right=True),
    Column("DATASET", "dataset"),
    Column("CASES", "cases", right=True),
    Column("STATE", "state"),
    Column("AGE", "created_at", ago, right=True),
    Column("REPEATS", "repeats", wide=True, right=True),
    Column("PROJECT", "project", wide=True),
    Column("AUTHOR", "author", wide=True),
    Column("RUN", "run_id", wide=True),
)
_ONE = (
    *(column for column in _LIST if column.title not in {"AGE", "RUN", "AUTHOR"}),
    Column("PROGRESS", "progress", answers),
    Column("COST", "cost_usd", usd),
    Column("PASSED", "passed"),
    Column("FAILURES", "failures"),
    Column("ERROR", "error"),
    Column("RUN", "run_id"),
    Column("CREATED", "created_at"),
)
_CANCELLED = (Column("ID", "id"), Column("STATE", "state"), Column("RUN", "run_id"))
_LABELLED = (Column("ID", "id"), Column("LABELS", "labels", right=True))
_ROWS = {"jsonl": json_rows, "ndjson": json_rows, "csv": table_rows}
#: How the server names a label of the request, or a field of one.
_PLACE = re.compile(r"(?:body\.)?labels\[([0-9]+)\](\.?)")

command = group("evaluation", "List, show and cancel evaluations of prompts; write reports, label answers.")


@make(command, "list", watch=True, example="agentctl evaluation list --prompt greeter")
@click.option("--prompt", metavar="NAME", help="Only evaluations of this prompt.")
@page_options
def list_evaluations(session: Session, *, prompt: str | None, limit: int) -> None:
    """List evaluations, newest first. Start one by `agentctl prompt eval`."""

    def show() -> None:
        found = list(pages(session, EVALUATIONS, "evaluations", {"prompt": prompt}, limit))
        session.rows({"evaluations": found}, found, _LIST)

    session.repeat(show)


@make(command, "get", watch=True, example="agentctl evaluation get eval_0f1e2d3c4b5a69788796a5b4 --watch")
@click.argument("evaluation")
def get(session: Session, evaluation: str) -> None:
    """Show how far EVALUATION is and, once its run has succeeded, its report."""

    def show() -> None:
        found = session.get(at(EVALUATIONS, evaluation))
        session.one(found, _ONE)
        if found["report"] is not None and session.format in {"table", "wide"}:
            click.echo()
            show_report(session, found)

    session.repeat(show)


@make(command, "report", example="agentctl evaluation report eval_0f1e2d3c4b5a69788796a5b4 --html report.html")
@click.argument("evaluation")
@click.option("--junit", metavar="FILE", help="Write the report as JUnit XML.")
@click.option("--html", metavar="FILE", help="Write the report as HTML.")
def report(session: Session, evaluation: str, *, junit: str | None, html: str | None) -> None:
    """Write the report of EVALUATION to files."""
    if junit is None and html is None:
        fix = f"give --html FILE or --junit FILE; `agentctl evaluation get {evaluation}` prints it"
        raise CliError("there is no file to write the report to", fix, USAGE)
    for file in write_reports(session, evaluation, junit=junit, html=html):
        session.note(f"wrote {file}")


@make(command, "cancel", changes=True, example="agentctl evaluation cancel eval_0f1e2d3c4b5a69788796a5b4")
@click.argument("evaluation")
@click.option("--reason", help="Why; it is stored with the run.")
def cancel(session: Session, evaluation: str, *, reason: str | None) -> None:
    """Request the end of EVALUATION. Answers that are there already are paid."""
    body = {"reason": reason} if reason else None
    session.one(session.change("POST", at(EVALUATIONS, evaluation, "cancel"), body), _CANCELLED)


@make(command, "label", changes=True, example="agentctl evaluation label eval_0f1e2d3c4b5a69788796a5b4 labels.csv")
@click.argument("evaluation")
@click.argument("file")
@click.option("--format", "form", type=OneOf(tuple(_ROWS)), help="Of FILE; by its ending without it.")
def label(session: Session, evaluation: str, file: str, *, form: str | None) -> None:
    """Add the labels of people in FILE, JSON lines or CSV, to answers of EVALUATION; - is stdin.

    A row has case_id, scorer and human: candidate, baseline or tie for a judge of pairs, else pass or fail.
    It may have repeat, from 0, and side. A bad row is named by its line, and then nothing is stored.
    """
    rows = list(_ROWS[form_of(file, form, _ROWS)](file, read_text(file)))
    if not rows:
        raise CliError(f"{file} has no labels", "write a row for each label", USAGE)
    body = {"labels": [_label(row) for row in rows]}
    try:
        found = session.change("POST", at(EVALUATIONS, evaluation, "labels"), body)
    except CliError as exc:
        raise CliError(_by_lines(exc.message, file, rows), exc.fix, exc.code) from exc
    session.one(found, _LABELLED)


def _label(row: Row) -> dict[str, object]:
    """Return a label as the API takes it. A table has texts only; one that is no number is refused by the API."""
    repeat = row.fields.get("repeat")
    if isinstance(repeat, str) and repeat.isascii() and repeat.isdecimal():
        return {**row.fields, "repeat": int(repeat)}
    return row.fields


def _by_lines(message: str, file: str, rows: Sequence[Row]) -> str:
    """Return what the server says of labels, with the lines of the file in place of their indexes."""

    def named(place: re.Match[str]) -> str:
        number = int(place[1])
        return f"{file} line {rows[number].line}{' ' if place[2] else ''}" if number < len(rows) else place[0]

    return _PLACE.sub(named, message)
