"""``agentctl batch``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.runs import ago
from agentflow.cli.session import Session
from agentflow.cli.units import usd

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


@make(command, "cancel", changes=True)
@click.argument("batch")
def cancel(session: Session, batch: str) -> None:
    """Request the end of BATCH. What was answered already is paid and used."""
    session.one(session.change("POST", at(BATCHES, batch, "cancel")), _LIST)
