"""``agentctl stop``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

STOPS = "/api/v1/stops"
_LIST = (
    Column("ID", "id"),
    Column("MODE", "mode"),
    Column("SCOPE", "scope"),
    Column("TARGET", "target"),
    Column("REASON", "reason"),
    Column("BY", "created_by"),
    Column("AGE", "created_at", ago, right=True),
    Column("RESUMED", "resumed_at", wide=True),
)

command = group("stop", "Stop or pause model calls at once, and resume them.")


@make(command, "create", changes=True, example="agentctl stop create --scope provider --target openai --reason outage")
@click.option("--reason", required=True, help="Why; everybody who waits reads it.")
@click.option("--scope", type=OneOf(("org", "workflow", "provider", "model")), default="org", show_default=True)
@click.option("--target", help="Which workflow, provider or model.")
@click.option("--pause", is_flag=True, help="Let calls wait until they are resumed, instead of failing.")
@click.option("--allow-unknown", is_flag=True, help="Also for a target that does not exist yet.")
def create(session: Session, *, reason: str, scope: str, target: str | None, pause: bool, allow_unknown: bool) -> None:
    """Make no further model call of the organisation, or of a target."""
    body: dict[str, str | bool] = {"scope": scope, "mode": "pause" if pause else "stop", "reason": reason}
    body |= {"target": target} if target else {}
    body |= {"allow_unknown": True} if allow_unknown else {}
    session.one(session.change("POST", STOPS, body), _LIST)


@make(command, "list", watch=True)
@click.option("--resumed", is_flag=True, help="Also those that were resumed.")
def list_stops(session: Session, *, resumed: bool) -> None:
    """List what is stopped."""

    def show() -> None:
        found = session.get(STOPS, resumed="true" if resumed else None)
        session.rows(found, found["stops"], _LIST)

    session.repeat(show)


@make(command, "resume", changes=True)
@click.argument("stop")
def resume(session: Session, stop: str) -> None:
    """Resume the calls that STOP stopped."""
    session.change("DELETE", at(STOPS, stop))
    session.note(f"stop {stop} is resumed")
