"""``agentctl trace sessions``: threads of runs, and the runs of one."""

import click

from agentflow.cli.api import at
from agentflow.cli.options import command as make
from agentflow.cli.options import page_options
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.units import moment
from agentflow.cli.views.traces import LIST, SESSIONS, TOTALS


@make(None, "sessions", watch=True, example="agentctl trace sessions --start 7d --user ada")
@click.argument("session_id", required=False, metavar="[SESSION]")
@click.option("--start", metavar="TIME", help="Began since; 7d by default, of one session 30d.")
@click.option("--end", default="now", show_default=True, metavar="TIME", help="Began before.")
@click.option("--user", metavar="ID", help="Only sessions of this user.")
@click.option("--workflow", metavar="NAME", help="Only traces of this workflow.")
@page_options
def command(session: Session, *, session_id: str | None, limit: int, start: str | None, **given: str | None) -> None:
    """List threads of runs, the latest first; with SESSION its runs, in the order in which they began."""
    moment(start), moment(given["end"])
    params = {"start": start, "end": given["end"]}

    def show() -> None:
        if session_id is None:
            found = list(pages(session, SESSIONS, "sessions", {**params, **given}, limit))
            session.rows({"sessions": found}, found, TOTALS)
            return
        runs = list(pages(session, at(SESSIONS, session_id), "runs", params, limit))
        session.rows({"id": session_id, "runs": runs}, runs, LIST)

    session.repeat(show)
