"""``agentctl org``."""

import time
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import FAILED, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

ORGANISATIONS = "/api/v1/organisations"


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in found.items()) or "nothing"


_LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("TOPIC", "submissions_topic", wide=True),
    Column("JINJA", "jinja_prompts", wide=True),
    Column("AGE", "created_at", ago, right=True),
)
_MOVE = (
    Column("ORGANISATION", "organisation"),
    Column("TO", "to"),
    Column("STATE", "state"),
    Column("PROBLEM", "problem"),
    Column("COPIES", "copies", right=True),
    Column("URL", "url", wide=True),
    Column("BY", "started_by", wide=True),
    Column("AGE", "created_at", ago, right=True),
)
_PLAN = (
    Column("ORGANISATION", "organisation"),
    Column("TO", "to"),
    Column("AGAINST", "against", lambda found: "; ".join(found) or "nothing"),
    Column("OPEN", "open", _counted),
    Column("STAYS", "stays", "; ".join),
    Column("BEHIND", "behind", lambda found: _counted(found or {})),
)
_REMAINS = (
    Column("ORGANISATION", "organisation"),
    Column("CELL", "cell"),
    Column("LEFT HERE", "counts", _counted),
    Column("REMOVED", "removed", _counted),
    Column("STAYS", "stays", "; ".join, wide=True),
)
#: Seconds between two looks at a move.
_LOOK_S = 1.0
_CREATED = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("TOPIC", "submissions_topic"),
    Column("KEY ID", "key.id"),
    Column("KEY", "key.key"),
)

command = group("org", "Create, list and move organisations. It takes the platform's bootstrap key.")


@make(command, "create", changes=True, example="agentctl org create acme --name 'Acme Ltd'")
@click.argument("org")
@click.option("--name", help="A name for people.")
def create(session: Session, org: str, *, name: str | None) -> None:
    """Create the organisation with the id ORG and its first key, which is shown this once."""
    found = session.change("POST", ORGANISATIONS, {"id": org} | ({"name": name} if name else {}))
    session.one(found, _CREATED)
    session.note("store the key now: it is not shown again")


@make(command, "list", watch=True)
def list_organisations(session: Session) -> None:
    """List the organisations."""

    def show() -> None:
        found = session.get(ORGANISATIONS)
        session.rows(found, found["organisations"], _LIST)

    session.repeat(show)


@make(command, "get")
@click.argument("org")
def get(session: Session, org: str) -> None:
    """Show the organisation with the id ORG."""
    session.one(session.get(at(ORGANISATIONS, org)), _LIST)


@make(command, "rename", changes=True)
@click.argument("org")
@click.argument("name")
def rename(session: Session, org: str, name: str) -> None:
    """Give the organisation with the id ORG another NAME."""
    session.one(session.change("PATCH", at(ORGANISATIONS, org), {"name": name}), _LIST)


@make(command, "jinja", changes=True, example="agentctl org jinja acme on")
@click.argument("org")
@click.argument("allowed", metavar="on|off", type=OneOf(("on", "off")))
def jinja(session: Session, org: str, allowed: str) -> None:
    """Allow or forbid Jinja in prompts of the organisation with the id ORG."""
    session.one(session.change("PATCH", at(ORGANISATIONS, org), {"jinja_prompts": allowed == "on"}), _LIST)


@make(command, "move", changes=True, example="agentctl org move acme --to west --wait 600")
@click.argument("org")
@click.option("--to", required=True, metavar="CELL", help="The other cell, as CELLS_FILE of the API names it.")
@click.option("--wait", "wait_s", type=click.IntRange(1), help="Follow it; it is aborted if it takes longer.")
def move(session: Session, org: str, *, to: str, wait_s: int | None) -> None:
    """Move the organisation with the id ORG to another cell. Its submissions are refused until it is there.

    With --dry-run the server says what a move would find.
    """
    base = at(ORGANISATIONS, org, "moves")
    if session.given.get("dry-run"):
        _planned(session, session.get(f"{base}/plan", to=to))
        return
    found = session.change("POST", base, {"to": to} | ({"wait_s": wait_s} if wait_s else {}))
    while wait_s and found["ended_at"] is None:
        time.sleep(_LOOK_S)
        found = session.get(base)
    session.one(found, _MOVE, "organisation")
    if found["state"] == "aborted":
        raise CliError(f"the move was aborted: {found['problem']}", "the organisation is here, as before", FAILED)


def _planned(session: Session, found: dict[str, Any]) -> None:
    session.one(found, _PLAN, "organisation")
    if found["against"]:
        raise CliError("the organisation cannot move", "change what is said under AGAINST", FAILED)


@make(command, "status")
@click.argument("org")
def status(session: Session, org: str) -> None:
    """Show the newest move of the organisation with the id ORG, and what it waits for."""
    session.one(session.get(at(ORGANISATIONS, org, "moves")), _MOVE, "organisation")


@make(command, "abort", changes=True)
@click.argument("org")
def abort(session: Session, org: str) -> None:
    """Abort the move of the organisation with the id ORG: it is here again, with all that it had."""
    session.one(session.change("POST", at(ORGANISATIONS, org, "moves", "abort"), {}), _MOVE, "organisation")


@make(command, "clean", changes=True, example="agentctl org clean acme --dry-run")
@click.argument("org")
@click.option("--keys", is_flag=True, help="Also its keys: clients that use them here are not sent on any more.")
def clean(session: Session, org: str, *, keys: bool) -> None:
    """Remove what the organisation with the id ORG left in the cell that it moved away from.

    With --dry-run the server counts it. It is removed in batches; a command that was cut is continued by another one.
    """
    base, options = at(ORGANISATIONS, org, "moves", "remains"), {"keys": "true"} if keys else {}
    if session.given.get("dry-run"):
        session.one(session.get(base, **options), _REMAINS, "organisation")
        return
    removed: dict[str, int] = {}
    while True:
        found = session.change("DELETE", base, params=options)
        for what, count in found["removed"].items():
            removed[what] = removed.get(what, 0) + count
        if not found["counts"] or not found["removed"]:
            break
        session.note(f"{sum(removed.values())} removed, {sum(found['counts'].values())} left")
    session.one({**found, "removed": removed}, _REMAINS, "organisation")
    if found["counts"]:
        raise CliError(
            "something is written here again", "look which role still has the organisation's records", FAILED
        )
