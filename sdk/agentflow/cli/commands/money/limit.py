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
    rows += [{"of": f"workflow {name}", **one} for name, one in found["workflows"].items()]
    session.rows(found, rows, _LIST, "of")


@make(command, "get", watch=True)
def get(session: Session) -> None:
    """Show the limits, and how many runs run and wait."""
    session.repeat(lambda: _show(session, session.get(LIMITS)))


@make(command, "set", changes=True, example="agentctl limit set --runs 50 --workflow document_analysis=10")
@click.option("--runs", type=click.IntRange(0), help="Of the organisation; unlimited by default.")
@click.option("--workflow", "workflows", multiple=True, metavar="NAME=N", help="Of a workflow. Repeatable.")
def set_limits(session: Session, *, runs: int | None, workflows: tuple[str, ...]) -> None:
    """Replace all limits."""
    named = pairs(workflows, "--workflow")
    wrong = next((f"{name}={text}" for name, text in named.items() if not text.isdecimal()), None)
    if wrong or (runs is None and not named):
        raise CliError(f"{wrong or 'nothing'} is not a limit", "give --runs 50 or --workflow name=10", USAGE)
    body: dict[str, Any] = {"workflows": {name: int(text) for name, text in named.items()}}
    body |= {} if runs is None else {"max_running_runs": runs}
    _show(session, session.change("PUT", LIMITS, body))


@make(command, "unset", changes=True)
def unset(session: Session) -> None:
    """Remove all limits."""
    session.change("DELETE", LIMITS)
    session.note("there are no limits now")
