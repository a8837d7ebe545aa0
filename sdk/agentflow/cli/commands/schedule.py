"""``agentctl schedule``."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION, group
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import cents, json_object, pairs

SCHEDULES = "/api/v1/schedules"


def _when(schedule: Any) -> str:
    if schedule.get("cron"):
        return f"{schedule['cron']} ({schedule['time_zone']})"
    return f"every {schedule['interval_s']} s"


def _next(times: Any) -> str:
    return str(times[0]) if times else ""


_LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("WORKFLOW", "workflow_name"),
    Column("WHEN", "", _when),
    Column("PAUSED", "paused", lambda value: "yes" if value else ""),
    Column("NEXT", "next_runs", _next),
    Column("LAST RUN", "last_run.run_id", wide=True),
    Column("SKIPPED", "skipped", wide=True, right=True),
    Column("PROBLEM", "problem.message"),
)
_ONE = (*_LIST, Column("OVERLAP", "overlap"), Column("CATCHUP", "catchup"), Column("INPUTS", "inputs"))
_TRIED = (Column("NEXT", "next_runs"), Column("WORKFLOW", "first_run.workflow_name"))
_BACKFILL = (Column("ID", "id"), Column("FROM", "from"), Column("TO", "to"), Column("SUBMITTED", "submitted"))

command = group("schedule", "Run workflows at scheduled times.")


@make(
    command,
    "create",
    changes=True,
    example="agentctl schedule create morning --workflow report --cron '0 8 * * MON-FRI' --time-zone Europe/Berlin",
)
@click.argument("name")
@click.option("--workflow", required=True, metavar="NAME", help="The workflow to run.")
@click.option("--version", type=click.IntRange(1), help="Its version; the newest at each slot by default.")
@click.option("--cron", help="Minute, hour, day of month, month, day of week.")
@click.option("--every", type=DURATION, help="Instead of --cron: an interval such as 15m.")
@click.option("--time-zone", help="The time zone of --cron; UTC by default.")
@click.option("--inputs", metavar="JSON", help="The inputs: JSON, @file or -; {{slot}} is the scheduled time.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the runs. Repeatable.")
@click.option("--budget", metavar="USD", help="The most that each run may cost, in US dollars.")
@click.option("--overlap", type=OneOf(("skip", "queue_one", "allow", "cancel_previous")), help="While one still runs.")
@click.option("--catchup", type=OneOf(("all", "latest", "none")), help="Slots that were missed.")
@click.option("--project", metavar="ID", help="The project that the runs spend for.")
@click.option("--subject", metavar="ID", help="Your id of the person whose data the runs handle; it is sealed.")
@click.option("--paused", is_flag=True, help="Create it without running it.")
def create(session: Session, name: str, *, workflow: str, **options: Any) -> None:
    """Create the schedule NAME. With --dry-run the server says when it would run."""
    body = {"name": name, "workflow_name": workflow, **_body(**options)}
    if "cron" not in body and "interval_s" not in body:
        raise CliError("the schedule has no times", "give --cron '0 8 * * *' or --every 15m", USAGE)
    if session.given.get("dry-run"):
        session.one(session.send("POST", SCHEDULES, body, params={"dry_run": "true"}), _TRIED, "name")
        return
    session.one(session.send("POST", SCHEDULES, body), _ONE)


def _body(
    *,
    version: int | None,
    every: float | None,
    inputs: str | None,
    tags: tuple[str, ...],
    budget: str | None,
    **plain: Any,
) -> dict[str, Any]:
    found = {name: value for name, value in plain.items() if value not in (None, False)}
    if version is not None:
        found["workflow_version"] = version
    if every is not None:
        found["interval_s"] = round(every)
    if inputs is not None:
        found["inputs"] = json_object(inputs, "--inputs")
    if tags:
        found["tags"] = pairs(tags, "--tag")
    if budget is not None:
        found["budget_cents"] = cents(budget)
    return found


@make(command, "list", watch=True)
@click.option("--project", metavar="ID", help="Only schedules of this project.")
def list_schedules(session: Session, *, project: str | None) -> None:
    """List the schedules."""

    def show() -> None:
        found = session.get(SCHEDULES, project=project)
        session.rows(found, found["schedules"], _LIST)

    session.repeat(show)


@make(command, "get", watch=True)
@click.argument("schedule")
def get(session: Session, schedule: str) -> None:
    """Show SCHEDULE with its last and next runs."""
    session.repeat(lambda: session.one(session.get(at(SCHEDULES, schedule)), _ONE))


def _paused(session: Session, schedule: str, *, paused: bool) -> None:
    session.one(session.change("PATCH", at(SCHEDULES, schedule), {"paused": paused}), _ONE)


@make(command, "pause", changes=True)
@click.argument("schedule")
def pause(session: Session, schedule: str) -> None:
    """Pause SCHEDULE. Slots during the pause are never run."""
    _paused(session, schedule, paused=True)


@make(command, "resume", changes=True)
@click.argument("schedule")
def resume(session: Session, schedule: str) -> None:
    """Resume SCHEDULE."""
    _paused(session, schedule, paused=False)


@make(command, "delete", changes=True)
@click.argument("schedule")
def delete(session: Session, schedule: str) -> None:
    """Delete SCHEDULE. Its runs stay."""
    session.change("DELETE", at(SCHEDULES, schedule))
    session.note(f"schedule {schedule} is deleted")


@make(
    command,
    "backfill",
    changes=True,
    example="agentctl schedule backfill sch_1 --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z",
)
@click.argument("schedule")
@click.option("--from", "start", required=True, metavar="TIME", help="The first time, with a zone.")
@click.option("--to", "end", required=True, metavar="TIME", help="The end, which is not part of it.")
def backfill(session: Session, schedule: str, *, start: str, end: str) -> None:
    """Run past slots of SCHEDULE that were not run."""
    found = session.change("POST", at(SCHEDULES, schedule, "backfill"), {"from": start, "to": end})
    session.one(found, _BACKFILL)
