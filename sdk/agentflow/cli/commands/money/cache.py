"""``agentctl cache``."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import pairs, usd

CACHE = "/api/v1/cache"


def _share(row: Any) -> str:
    asked = row["hits"] + row["misses"]
    return f"{100 * row['hits'] / asked:.0f}%" if asked else ""


_LIST = (
    Column("OF", "of"),
    Column("HITS", "hits", right=True),
    Column("MISSES", "misses", right=True),
    Column("SHARE", "", _share, right=True),
    Column("SAVED", "saved_usd", usd, right=True),
    Column("ENTRIES", "entries", right=True),
    Column("BYTES", "bytes", right=True),
)
_PURGED = (Column("REMOVED", "entries"), Column("BYTES", "bytes"))

command = group("cache", "See what cached answers save; remove them.")


@make(command, "get", watch=True)
def get(session: Session) -> None:
    """Show hits, misses and savings: in all, and by workflow, prompt and model."""

    def show() -> None:
        found = session.get(CACHE)
        rows = [{"of": "all", **found}, *({"of": f"{s['kind']} {s['name']}", **s} for s in found["scopes"])]
        session.rows(found, rows, _LIST, "of")

    session.repeat(show)


@make(command, "purge", changes=True, example="agentctl cache purge --prompt greeter@3")
@click.option("--workflow", metavar="NAME", help="Answers of this workflow.")
@click.option("--prompt", metavar="NAME@VERSION", help="Answers of this prompt.")
@click.option("--model", metavar="PROVIDER/MODEL", help="Answers of this model.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Answers with this tag. Repeatable.")
@click.option("--all", "everything", is_flag=True, help="Every answer of the organisation.")
def purge(session: Session, *, tags: tuple[str, ...], everything: bool, **named: str | None) -> None:
    """Remove cached answers."""
    body: dict[str, Any] = {name: value for name, value in named.items() if value}
    body |= {"tags": pairs(tags, "--tag")} if tags else {}
    body |= {"all": True} if everything else {}
    if not body:
        raise CliError("nothing is selected", "give --workflow, --prompt, --model, --tag or --all", USAGE)
    session.one(session.change("POST", f"{CACHE}/purge", body), _PURGED, "entries")
