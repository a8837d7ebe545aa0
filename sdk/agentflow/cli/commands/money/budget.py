"""``agentctl budget``."""

from collections.abc import Mapping
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.nearest import hint
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import PERIODS, dollars, each, period, usd

BUDGETS = "/api/v1/budgets"
SCOPES = ("org", "project", "workflow", "node", "prompt", "provider", "model", "api_key", "user", "tag")
_PERIODS = (*PERIODS.values(), "total")


def _limit(budget: Any) -> str:
    return f"{usd(budget['limit_usd'])} {each(budget['period'])}"


def _of(budget: Any) -> str:
    return f"{budget['scope']} {budget['target']}" if budget.get("target") else str(budget["scope"])


_DEFINED = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("OF", "", _of),
    Column("LIMIT", "", _limit),
    Column("SOFT LIMIT", "soft_limit_usd", usd, wide=True),
    Column("ON EXCEEDED", "on_exceeded"),
    Column("PAUSED", "paused", lambda value: "yes" if value else ""),
    Column("TIME ZONE", "timezone", wide=True),
    Column("VERSION", "version", wide=True),
)
_STATUS = (
    *_DEFINED,
    Column("STATE", "state"),
    Column("SPENT", "spent_usd", usd),
    Column("HELD", "held_usd", usd),
    Column("REMAINING", "remaining_usd", usd),
    Column("WINDOW", "window"),
    Column("NEXT WINDOW", "next_window_at"),
    Column("COUNTED SINCE", "counted_since"),
)
_FORECAST = (
    Column("ID", "id"),
    Column("WINDOW", "window"),
    Column("ENDS", "window_ends_at"),
    Column("SPENT", "spent_usd", usd),
    Column("LIMIT", "limit_usd", usd),
    Column("FORECAST", "forecast_usd", usd),
    Column("LOW", "low_usd", usd),
    Column("HIGH", "high_usd", usd),
)

command = group("budget", "Create, change and list spending limits. Amounts are US dollars.")


@make(command, "create", changes=True, example="agentctl budget create --limit 1000 --period monthly")
@click.option("--limit", metavar="USD", help="The most to spend in a period, in US dollars.")
@click.option(
    "--period", "every", default="monthly", show_default=True, help="hourly, daily, weekly, monthly, total ..."
)
@click.option("--scope", type=OneOf(SCOPES), default="org", show_default=True, help="What it limits.")
@click.option("--target", help="Which one: the name of the workflow, the provider ...")
@click.option("--name", help="A name for people.")
@click.option("--soft-limit", metavar="USD", help="Above it calls step down, or it is reported.")
@click.option("--on-exceeded", type=OneOf(("reject", "wait", "step_down", "alert")), help="What happens at the limit.")
@click.option("--threshold", "thresholds", type=click.IntRange(1, 1000), multiple=True, help="Percent to report.")
@click.option("--timezone", help="The time zone of its windows, for example Europe/Berlin.")
@click.option("--sliding", is_flag=True, help="A window that slides instead of one of the calendar.")
@click.option("--allow-unknown", is_flag=True, help="Also for a target that does not exist yet.")
def create(session: Session, *, limit: str | None, every: str, thresholds: tuple[int, ...], **options: Any) -> None:
    """Create a budget."""
    if limit is None:
        raise CliError("the budget has no limit", "give --limit in US dollars, for example --limit 1000", USAGE)
    body: dict[str, Any] = {"limit_usd": dollars(limit), "period": _period(every), **_given(options)}
    if thresholds:
        body["thresholds"] = list(thresholds)
    session.one(session.change("POST", BUDGETS, body), _DEFINED)


def _period(text: str) -> str:
    found = period(text)
    if found not in _PERIODS:
        fix = hint(text, (*PERIODS, "total"), "write hourly, daily, weekly, monthly, quarterly or total")
        raise CliError(f"{text!r} is not a period", fix, USAGE)
    return found


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in options.items() if value not in (None, False)}
    if "soft_limit" in found:
        found["soft_limit_usd"] = dollars(found.pop("soft_limit"))
    return found


@make(command, "list", watch=True)
@click.option("--project", metavar="ID", help="Only budgets of this project.")
def list_budgets(session: Session, *, project: str | None) -> None:
    """List the budgets."""

    def show() -> None:
        found = session.get(BUDGETS, project=project)
        session.rows(found, found["budgets"], _DEFINED)

    session.repeat(show)


@make(command, "get", watch=True, example="agentctl budget get bud_5f0c2d9e8b7a6143")
@click.argument("budget")
def get(session: Session, budget: str) -> None:
    """Show BUDGET with what is spent, held and left."""
    session.repeat(lambda: session.one(session.get(at(BUDGETS, budget, "status")), _STATUS))


@make(command, "forecast", watch=True)
@click.argument("budget")
def forecast(session: Session, budget: str) -> None:
    """Show what the window of BUDGET will have spent at its end."""
    session.repeat(lambda: session.one(session.get(at(BUDGETS, budget, "forecast")), _FORECAST))


@make(command, "update", changes=True, example="agentctl budget update bud_5f0c2d9e8b7a6143 --limit 2000")
@click.argument("budget")
@click.option("--limit", metavar="USD", help="The new limit, in US dollars.")
@click.option("--soft-limit", metavar="USD", help="The new soft limit.")
@click.option("--name", help="The new name.")
@click.option("--on-exceeded", type=OneOf(("reject", "wait", "step_down", "alert")), help="What happens at the limit.")
@click.option("--pause/--resume", "paused", default=None, help="A paused budget refuses nothing.")
def update(session: Session, budget: str, *, limit: str | None, paused: bool | None, **options: Any) -> None:
    """Change BUDGET."""
    body = _given(options)
    if limit is not None:
        body["limit_usd"] = dollars(limit)
    if paused is not None:
        body["paused"] = paused
    if not body:
        raise CliError("nothing to change", "give --limit, --name, --on-exceeded, --pause or --resume", USAGE)
    session.one(session.change("PATCH", at(BUDGETS, budget), body), _DEFINED)


@make(command, "delete", changes=True)
@click.argument("budgets", nargs=-1, required=True)
def delete(session: Session, budgets: tuple[str, ...]) -> None:
    """Delete BUDGETS."""
    for budget in budgets:
        session.change("DELETE", at(BUDGETS, budget))
        session.note(f"budget {budget} is deleted")
