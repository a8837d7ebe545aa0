"""``agentctl dlq``: records that could not be used."""

import re
from base64 import b64decode
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

LETTERS = "/api/v1/admin/dead-letters"
_LIST = (
    Column("POSITION", "position"),
    Column("REASON", "reason"),
    Column("ORIGIN", "origin"),
    Column("KEY", "key", wide=True),
    Column("ATTEMPTS", "attempts", right=True, wide=True),
    Column("RETRIES", "retries", right=True),
    Column("AGE", "at", ago, right=True),
    Column("MESSAGE", "message"),
)
_ONE = (*_LIST, Column("HEADERS", "headers", lambda found: ", ".join(f"{h['name']}={h['value']}" for h in found or ())))
_RETRIED = (Column("POSITION", "position"), Column("WENT TO", "went_to"), Column("PROBLEM", "problem"))

command = group("dlq", "List, show and retry dead letters. It takes the platform's bootstrap key.")


@make(command, "list", watch=True, example="agentctl dlq list --topic run-events --since 1d")
@click.option("--topic", help="The original topic, or a dead-letter topic.")
@click.option("--reason", help="The short code of the reason.")
@click.option("--since", metavar="AGE", help="Within this time: 90m, 1h, 2d.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="The most to list.")
def list_letters(session: Session, **narrow: Any) -> None:
    """List dead letters, the newest last."""

    def show() -> None:
        found = session.get(LETTERS, **narrow)
        if found["total"] > len(found["letters"]):
            session.note(f"the newest {len(found['letters'])} of {found['total']}; --limit shows more")
        session.rows(found, found["letters"], _LIST, "position")

    session.repeat(show)


@make(command, "show", example="agentctl dlq show run-events.dlq/3@17")
@click.argument("position")
@click.option("--raw", is_flag=True, help="Only the value, byte for byte.")
def show(session: Session, position: str, *, raw: bool) -> None:
    """Show the dead letter at POSITION with its headers and value. --raw writes the value, byte for byte."""
    found = session.get(at(LETTERS, *_parts(position)))
    if raw:
        click.get_binary_stream("stdout").write(b64decode(found["value_base64"] or ""))
        return
    session.one(found, _ONE, "position")
    if session.format in {"table", "wide"}:
        click.echo(f"\n{found['value'] if found['value'] is not None else '(no value)'}")


def _parts(position: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"([^/@\s]+)/(\d+)@(\d+)", position)
    if found is None:
        raise CliError(
            f"{position!r} is not a position", "write topic/partition@offset, see `agentctl dlq list`", USAGE
        )
    return found[1], found[2], found[3]


@make(command, "retry", changes=True, example="agentctl dlq retry --topic run-events --reason handler_failed")
@click.argument("positions", nargs=-1)
@click.option("--topic", help="Instead of positions: every letter of this topic ...")
@click.option("--reason", help="... with this reason.")
@click.option("--since", metavar="AGE", help="Only those within this time.")
def retry(
    session: Session, positions: tuple[str, ...], *, topic: str | None, reason: str | None, since: str | None
) -> None:
    """Append dead letters to the topics where they were, to be read once more."""
    if bool(positions) == bool(topic and reason):
        raise CliError("no letters are selected", "give positions, or --topic with --reason", USAGE)
    chosen = {"positions": list(positions) or None, "topic": topic, "reason": reason, "since": since}
    body: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if session.given.get("dry-run"):
        body["dry_run"] = True
    found = session.send("POST", f"{LETTERS}/retry", body)
    session.rows(found, found["retried"], _RETRIED, "position")
    if any(one.get("problem") for one in found["retried"]):
        raise click.exceptions.Exit(FAILED)
