"""``agentctl prompt quality``: series of live scores, their changes, and points by time."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment


def _change(changes: list[dict[str, Any]]) -> str:
    if not changes:
        return ""
    last = changes[-1]
    return f"{last['before']:.3f} to {last['after']:.3f} at {last['at']}"


def _reference(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    said = "diverged" if found["diverged"] else f"evidence {found['e_value']:.3g} of {found['limit']:.3g}"
    return f"{found['reference']}: {found['different']} of {found['pairs']} differ, {said}"


_SERIES = (
    Column("SCORER", "scorer"),
    Column("BY", "by"),
    Column("OF", "value"),
    Column("MEAN", "mean", lambda value: f"{value:.3f}", right=True),
    Column("SCORES", "scores", right=True),
    Column("STABILITY", "stability", lambda value: "" if value is None else f"{value:.3f}", right=True),
    Column("LAST CHANGE", "changes", _change),
    Column("REFERENCE", "reference", _reference, wide=True),
    Column("NEWEST", "newest_at", wide=True),
)
_POINTS = (
    Column("AT", "at"),
    Column("SCORER", "scorer"),
    Column("OF", "value"),
    Column("MEAN", "mean", lambda value: f"{value:.3f}", right=True),
    Column("DEVIATION", "deviation", lambda value: f"{value:.3f}", right=True),
    Column("SCORES", "scores", right=True),
)


@make(None, "quality", watch=True, example="agentctl prompt quality greeter --points hour --by model")
@click.argument("name")
@click.option(
    "--points", "each", type=OneOf(("minute", "hour", "day")), help="List points by time, in place of the series."
)
@click.option("--by", type=OneOf(("version", "workflow", "model")), help="What points are of; version by default.")
@click.option("--since", metavar="TIME", help="Points since then: 1d, or RFC 3339.")
def quality(session: Session, name: str, *, each: str | None, by: str | None, since: str | None) -> None:
    """Show how good live answers of the prompt NAME are over time, and when that changed."""
    path = at(PROMPTS, name, "quality")
    if each is None and (by is not None or since is not None):
        raise CliError("--by and --since are of points", "give --points hour, too", USAGE)

    def show() -> None:
        if each is None:
            found = session.get(path)
            session.rows(found, found["series"], _SERIES, "value")
            return
        found = session.get(f"{path}/points", every=each, by=by, since=moment(since))
        session.rows(found, found["points"], _POINTS, "at")

    session.repeat(show)


COMMANDS = (quality,)
