"""``agentctl quota``: how much of providers the organisation may use."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import NOT_FOUND, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session

QUOTAS = "/api/v1/quotas"
_LIMITS = (
    "requests_per_minute",
    "requests_per_day",
    "tokens_per_minute",
    "tokens_per_day",
    "input_tokens_per_minute",
    "input_tokens_per_day",
    "output_tokens_per_minute",
    "output_tokens_per_day",
    "max_concurrent",
)
_LIST = (
    Column("PROVIDER", "provider"),
    Column("MODEL", "model"),
    *(Column(name.replace("_", " ").upper(), name, right=True, wide=at > 3) for at, name in enumerate(_LIMITS[:-1])),
    Column("AT ONCE", "max_concurrent", right=True),
)

command = group("quota", "Limit how much of providers is used.")


@make(command, "list", watch=True)
def list_quotas(session: Session) -> None:
    """List the limits."""
    session.repeat(lambda: _show(session, session.get(QUOTAS)))


def _show(session: Session, found: Any) -> None:
    session.rows(found, found["limits"], _LIST, "provider")


def _limit_options(function: Any) -> Any:
    for name in reversed(_LIMITS):
        function = click.option(f"--{name.replace('_', '-')}", type=click.IntRange(0))(function)
    return function


@make(command, "set", changes=True, example="agentctl quota set --provider openai --requests-per-minute 500")
@click.option("--provider", help="The provider; all of them by default.")
@click.option("--model", help="The model; all of them by default.")
@_limit_options
def set_quota(session: Session, *, provider: str | None, model: str | None, **limits: int | None) -> None:
    """Set the limits of a provider or a model; those of others stay."""
    given = {name: value for name, value in limits.items() if value is not None}
    if not given:
        raise CliError("no limit is given", "give one, for example --requests-per-minute 500", USAGE)
    entry = {"provider": provider, "model": model, **given}
    others = [one for one in _plain(session) if _key(one) != (provider, model)]
    kept = {name: value for name, value in entry.items() if value is not None}
    _show(session, session.change("PUT", QUOTAS, {"limits": [*others, kept]}))


@make(command, "unset", changes=True)
@click.option("--provider", help="The provider of the entry.")
@click.option("--model", help="The model of the entry.")
def unset(session: Session, *, provider: str | None, model: str | None) -> None:
    """Remove the limits of a provider or a model."""
    there = _plain(session)
    others = [one for one in there if _key(one) != (provider, model)]
    if len(others) == len(there):
        raise CliError("there is no such limit", "see `agentctl quota list`", NOT_FOUND)
    _show(session, session.change("PUT", QUOTAS, {"limits": others}))


def _plain(session: Session) -> list[dict[str, Any]]:
    found = session.get(QUOTAS)["limits"]
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def _key(entry: dict[str, Any]) -> tuple[str | None, str | None]:
    return entry.get("provider"), entry.get("model")
