"""``agentctl price``."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import usd

PRICES = "/api/v1/prices"


def _first_band(kind: str) -> Any:
    def show(bands: Any) -> str:
        return usd(bands[0]["usd_per_mtok"].get(kind)) if bands else ""

    return show


_LIST = (
    Column("PROVIDER", "provider"),
    Column("MODEL", "model"),
    Column("INPUT $/M", "bands", _first_band("input_tokens"), right=True),
    Column("OUTPUT $/M", "bands", _first_band("output_tokens"), right=True),
    Column("CONTEXT", "context_tokens", right=True),
    Column("BANDS", "bands", lambda bands: str(len(bands)), right=True, wide=True),
    Column("VERSION", "version", wide=True),
)

command = group("price", "Look up prices of models.")


@make(command, "list", example="agentctl price list openai --model gpt-4o")
@click.argument("provider")
@click.option("--model", help="Only this model.")
@click.option("--at", metavar="TIME", help="The prices at this time, RFC 3339.")
@click.option("--service-tier", help="The tier that serves it.")
@click.option("--processing", type=OneOf(("batch",)), help="How it is processed.")
def list_prices(session: Session, provider: str, **narrow: str | None) -> None:
    """List what the models of PROVIDER cost, per million tokens; -o json has every kind and band."""
    found = session.get(PRICES, provider=provider, **narrow)
    session.rows(found, found["prices"], _LIST, "model")
