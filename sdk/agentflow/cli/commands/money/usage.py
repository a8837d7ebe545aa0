"""``agentctl usage``: what calls used and cost, from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.columns import Column
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment, usd

BILLS = "/api/v1/bills"
_FILES = ("csv", "focus")
_SUMS = (
    Column("CALLS", "calls", right=True),
    Column("TOKENS IN", "input_tokens", right=True),
    Column("OUT", "output_tokens", right=True),
    Column("COST", "amount_usd", usd, right=True),
    Column("PRESUMED", "presumed_usd", usd, right=True, wide=True),
)


@make(
    None,
    "usage",
    watch=True,
    formats=(*output.FORMATS, *_FILES),
    example="agentctl usage --since 7d --by provider,model,tag.team",
)
@click.option("--since", default="24h", show_default=True, metavar="TIME", help="From: 24h, 30d, a day, or a time.")
@click.option("--until", metavar="TIME", help="To, which is not part of it; now by default.")
@click.option(
    "--by", default="workflow", show_default=True, metavar="NAMES", help="workflow, provider, model, day, tag.team ..."
)
def command(session: Session, *, since: str, until: str | None, by: str) -> None:
    """Show what the calls of a time used and cost, exactly; -o csv and -o focus print files for a spreadsheet."""
    params = {"from": moment(since), "to": moment(until), "group_by": by}

    def show() -> None:
        if session.format in _FILES:
            click.echo(session.get(BILLS, **params, format=session.format), nl=False)
            return
        found = session.get(BILLS, **params)
        names = found["group_by"]
        columns = [Column(name.upper(), f"values.{name}") for name in names if "." not in name]
        columns += [Column(name.upper(), "values", _value(name)) for name in names if "." in name]
        session.rows(found, _rows(found, names), (*columns, *_SUMS), "name")

    session.repeat(show)


def _rows(bill: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    rows = [{**group, "name": ",".join(group["values"].values())} for group in bill["groups"]]
    return [*rows, {**bill["total"], "values": dict.fromkeys(names[:1], "total"), "name": "total"}]


def _value(name: str) -> Any:
    # A tag's name has a point, which is no path here.
    return lambda values: str(values.get(name, ""))
