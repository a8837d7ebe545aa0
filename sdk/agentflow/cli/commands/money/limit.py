"""``agentctl limit``: how many runs may run at once."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import pairs

LIMITS = "/api/v1/limits"
_LIST = (
    Column("OF", "of"),
    Column("MAXIMUM", "max_running_runs", lambda value: "unlimited" if value is None else str(value), right=True),
    Column("RUNNING", "running", right=True),
    Column("WAITING", "waiting", right=True),
)

command = group("limit", "Limit how many runs run at once.")


def _show(session: Session, found: Any) -> None:
    rows = [{"of": "organisation", **found}]
    for kind in ("workflow", "project"):
        rows += [{"of": f"{kind} {name}", **one} for name, one in found[f"{kind}s"].items()]
    session.rows(found, rows, _LIST, "of")


@make(command, "get", watch=True)
def get(session: Session) -> None:
    """Show the limits, and how many runs run and wait."""
    session.repeat(lambda: _show(session, session.get(LIMITS)))


@make(command, "set", changes=True, example="agentctl limit set --runs 50 --workflow document_analysis=10")
@click.option("--runs", type=click.IntRange(0), help="Of the organisation; unlimited by default.")
@click.option("--workflow", "workflows", multiple=True, metavar="NAME=N", help="Of a workflow. Repeatable.")
@click.option("--project", "projects", multiple=True, metavar="ID=N", help="Of a project. Repeatable.")
def set_limits(session: Session, *, runs: int | None, workflows: tuple[str, ...], projects: tuple[str, ...]) -> None:
    """Replace all limits."""
    body: dict[str, Any] = {"workflows": _counts(workflows, "--workflow"), "projects": _counts(projects, "--project")}
    if runs is None and not body["workflows"] and not body["projects"]:
        raise CliError("nothing is not a limit", "give --runs 50, --workflow name=10 or --project id=20", USAGE)
    body |= {} if runs is None else {"max_running_runs": runs}
    _show(session, session.change("PUT", LIMITS, body))


@make(command, "unset", changes=True)
def unset(session: Session) -> None:
    """Remove all limits."""
    session.change("DELETE", LIMITS)
    session.note("there are no limits now")


def _counts(texts: tuple[str, ...], option: str) -> dict[str, int]:
    named = pairs(texts, option)
    wrong = next((f"{name}={text}" for name, text in named.items() if not text.isdecimal()), None)
    if wrong:
        raise CliError(f"{wrong} is not a limit", f"give --runs 50 or {option} name=10", USAGE)
    return {name: int(text) for name, text in named.items()}
