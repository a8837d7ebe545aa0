"""``agentctl trace outliers``: runs that are far slower or dearer than the others of their workflow."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment

PATH = "/api/v1/traces/outliers"
_LIST = (
    Column("RUN", "run_id"),
    Column("WORKFLOW", "workflow"),
    Column("VALUE", "value", right=True),
    Column("MEDIAN", "median", right=True),
    Column("TIMES", "times", lambda value: f"{value:.1f}x", right=True),
    Column("SCORE", "score", lambda value: f"{value:.1f}", right=True),
    Column("OF RUNS", "runs", right=True),
    Column("TRACE", "trace_id", wide=True),
)


def _row(one: dict[str, Any]) -> dict[str, Any]:
    if one["cost_usd"] is not None:
        return {**one, "value": f"${one['cost_usd']}", "median": f"${one['median']}"}
    return {**one, "value": f"{one['duration']:.3f}s", "median": f"{one['median']}s"}


@make(None, "outliers", watch=True, example="agentctl trace outliers --measure cost --start 1d")
@click.option(
    "--measure", type=OneOf(("duration", "cost")), default="duration", show_default=True, help="What is compared."
)
@click.option("--start", metavar="TIME", help="Runs that began since: 1h by default.")
@click.option("--end", default="now", show_default=True, metavar="TIME", help="And before.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--project", metavar="ID", help="Only runs of this project.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="So many at most.")
def command(session: Session, *, measure: str, start: str | None, end: str, limit: int, **named: str | None) -> None:
    """List runs that are far slower or dearer than the others of their workflow, the farthest first."""
    body = {"measure": measure, "start": moment(start), "end": moment(end), "limit": limit, **named}
    given = {name: value for name, value in body.items() if value is not None}

    def show() -> None:
        found = session.send("POST", PATH, given)
        session.rows(found, [_row(one) for one in found["outliers"]], _LIST, "run_id")

    session.repeat(show)
