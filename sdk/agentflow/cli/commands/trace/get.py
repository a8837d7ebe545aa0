"""``agentctl trace get``: what a run did, span by span, as a tree, a timeline, or JSON."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.options import command as make
from agentflow.cli.paging import PAGE
from agentflow.cli.session import WATCH_S, Session
from agentflow.cli.views.runs import ENDED
from agentflow.cli.views.traces import EVENTS, ONE, TRACES, timeline, tree


@make(None, "get", formats=(*output.FORMATS, "timeline", "tree"), example="agentctl trace get 0eecbc4e-… -o timeline")
@click.argument("trace")
@click.option("--fold", type=click.IntRange(1, PAGE), help="Children of a map that a timeline shows one by one.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="The most events.")
@click.option("--follow", is_flag=True, help="Show it again and again until it has ended.")
def command(session: Session, trace: str, *, fold: int | None, limit: int, follow: bool) -> None:
    """Show TRACE, the id of a trace or of a run: its spans with times, tokens and cost, parents before children.

    -o timeline draws them as bars; * marks what the end waited for. -o tree draws who is below whom.
    """
    while True:
        found = session.get(at(TRACES, trace, "timeline"), fold=fold) if session.format == "timeline" else None
        found = found or _whole(session, trace, limit)
        _show(session, found)
        if not follow or found["status"] in ENDED:
            return
        session.sleep(WATCH_S)
        if sys.stdout.isatty():
            click.clear()


def _show(session: Session, found: Mapping[str, Any]) -> None:
    match session.format:
        case "timeline":
            click.echo("\n".join(timeline(found)))
        case "tree":
            click.echo("\n".join(tree(found)))
        case form:
            if form in {"table", "wide"}:
                session.one(found, ONE)
                click.echo()
            session.rows(found, found["events"], EVENTS)


def _whole(session: Session, trace: str, limit: int) -> dict[str, Any]:
    """Return a trace with its events, of as many pages as that takes."""
    found = session.get(at(TRACES, trace), limit=min(limit, PAGE))
    events, cursor = list(found["events"]), found["next_cursor"]
    while cursor is not None and len(events) < limit:
        page = session.get(at(TRACES, trace), limit=min(limit - len(events), PAGE), cursor=cursor)
        events, cursor = events + page["events"], page["next_cursor"]
    return {**found, "events": events, "next_cursor": cursor}
