"""``agentctl batch``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import usd
from agentflow.cli.views.runs import ago

BATCHES = "/api/v1/batches"
_LIST = (
    Column("ID", "id"),
    Column("MODEL", "", lambda batch: f"{batch['provider']}/{batch['model']}"),
    Column("STATE", "state"),
    Column("REQUESTS", "requests", right=True),
    Column("OPEN", "counts.open", right=True),
    Column("FAILED", "counts.failed", right=True),
    Column("COST", "cost_usd", usd, right=True),
    Column("AGE", "formed_at", ago, right=True),
    Column("PROBLEM", "problem"),
)

_CALLS = (
    Column("RUN", "run_id"),
    Column("STEP", "step_id"),
    Column("ATTEMPT", "attempt", right=True),
    Column("STATE", "state"),
    Column("COST", "cost_usd", usd, right=True),
    Column("ENDED", "ended_at", ago, right=True),
)

command = group("batch", "List, show and cancel batches of calls at providers.")


@make(command, "list", watch=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="The most to list.")
def list_batches(session: Session, *, limit: int) -> None:
    """List batches, newest first."""

    def show() -> None:
        found = session.get(BATCHES, limit=limit)
        session.rows(found, found["batches"], _LIST)

    session.repeat(show)


@make(command, "get", watch=True)
@click.argument("batch")
def get(session: Session, batch: str) -> None:
    """Show BATCH."""
    session.repeat(lambda: session.one(session.get(at(BATCHES, batch)), _LIST))


@make(command, "calls", example="agentctl batch calls batch_0f1e2d3c4b5a69788796a5b4")
@click.argument("batch")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="The most to list.")
@click.option("--cursor", default=None, help="Where the page before ended.")
def calls(session: Session, batch: str, *, limit: int, cursor: str | None) -> None:
    """List the calls of BATCH, each with its run and step."""
    found = session.get(at(BATCHES, batch, "calls"), limit=limit, cursor=cursor)
    session.rows(found, found["calls"], _CALLS, "call_id")
    if found["next_cursor"]:
        session.note(f"there are more: --cursor '{found['next_cursor']}'")


@make(command, "cancel", changes=True)
@click.argument("batch")
def cancel(session: Session, batch: str) -> None:
    """Request the end of BATCH. What was answered already is paid and used."""
    session.one(session.change("POST", at(BATCHES, batch, "cancel")), _LIST)
