"""``agentctl trace users``: what runs cost by the users for whom they ran."""

import click

from agentflow.cli.options import command as make
from agentflow.cli.options import page_options
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.units import moment
from agentflow.cli.views.traces import TOTALS, USERS


@make(None, "users", watch=True, example="agentctl trace users --start 30d")
@click.option("--start", default="30d", show_default=True, metavar="TIME", help="Began since.")
@click.option("--end", default="now", show_default=True, metavar="TIME", help="Began before.")
@click.option("--workflow", metavar="NAME", help="Only traces of this workflow.")
@page_options
def command(session: Session, *, start: str, end: str, workflow: str | None, limit: int) -> None:
    """List the users for whom runs ran, those with the highest cost first."""
    moment(start), moment(end)

    def show() -> None:
        params = {"start": start, "end": end, "workflow": workflow}
        found = list(pages(session, USERS, "users", params, limit))
        session.rows({"users": found}, found, TOTALS)

    session.repeat(show)
