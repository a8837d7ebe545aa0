"""``agentctl run``: delete runs, and keep them from it."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

RETENTION = "/api/v1/retention"
RUNS = "/api/v1/workflows/runs"


def _days(value: int | None) -> str:
    return "for ever" if value is None else str(value)


def _by_kind(days: dict[str, int | None]) -> str:
    """Return the days of kinds of audit entries that are not kept for ever."""
    said = [f"{kind}={count}" for kind, count in sorted(days.items()) if count is not None]
    return ",".join(said) or "for ever"


_KEPT = (
    Column("RUNS DAYS", "runs_days", _days, right=True),
    Column("TRACES DAYS", "traces_days", right=True),
    Column("OBJECTS DAYS", "objects_days", _days, right=True),
    Column("COSTS DAYS", "costs_days", _days, right=True),
    Column("AUDIT DAYS", "audit_days", _by_kind),
)
_HOLDS = (
    Column("NAME", "name"),
    Column("REASON", "reason"),
    Column("RUN", "run_id"),
    Column("WORKFLOW", "workflow_name"),
    Column("SINCE", "since"),
    Column("UNTIL", "until"),
    Column("AGE", "created_at", ago, right=True),
    Column("BY", "created_by", wide=True),
)

command = group("run", "Delete runs; hold runs, so that nothing deletes them.")


@make(command, "delete", changes=True, example="agentctl run delete 0b2f6a0c-6c5b-5d35-9c9e-0d4c1f8a7e11")
@click.argument("runs", nargs=-1, required=True)
def delete(session: Session, *, runs: tuple[str, ...]) -> None:
    """Delete RUNS that ended over an hour ago, with their steps, scores and traces. Costs stay."""
    for run in runs:
        session.change("DELETE", at(RUNS, run))
        session.note(f"run {run} is deleted")


@make(command, "retention")
def retention(session: Session) -> None:
    """Show for how many days ended runs, traces, stored objects, costs of single calls and audit entries are kept."""
    session.one(session.get(RETENTION), _KEPT)


hold = group("hold", "Hold runs: neither age nor a request deletes what a hold matches.")
command.add_command(hold)


@make(hold, "create", changes=True, example="agentctl run hold create case-7 --reason 'case 7' --workflow claims")
@click.argument("name")
@click.option("--reason", required=True, help="Why.")
@click.option("--run", "run_id", help="Only this run.")
@click.option("--workflow", "workflow_name", help="Only runs of this workflow.")
@click.option("--since", help="Only runs submitted since then: 30d, or a time with a zone.")
@click.option("--until", help="Only runs submitted before.")
def create_hold(session: Session, name: str, **conditions: str | None) -> None:
    """Create the legal hold NAME. Without a condition it holds all runs."""
    body = {"name": name} | {field: value for field, value in conditions.items() if value is not None}
    session.one(session.change("POST", f"{RETENTION}/holds", body), _HOLDS, "name")


@make(hold, "list")
def list_holds(session: Session) -> None:
    """List the legal holds in force."""
    found = session.get(f"{RETENTION}/holds")
    session.rows(found, found["holds"], _HOLDS, "name")


@make(hold, "remove", changes=True)
@click.argument("name")
def remove_hold(session: Session, name: str) -> None:
    """Remove the legal hold NAME. What is due is deleted within the hour."""
    session.change("DELETE", at(f"{RETENTION}/holds", name))
    session.note(f"hold {name} is removed")
