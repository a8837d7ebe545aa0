"""``agentctl prompt lint``: what to correct in files of prompts, without a server."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import click

from agentflow import prompt_rules as rules
from agentflow.cli.columns import Column, text
from agentflow.cli.commands.prompts.files import PromptFile, files_in, read_all, read_text_of, version_of
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import pairs

PRICES = "/api/v1/prices"
TIERS = {tier: f"local/local-{tier}" for tier in ("gold", "silver", "bronze")}
_FINDINGS = (
    Column("FILE", "file"),
    Column("LINE", "line", right=True),
    Column("COLUMN", "column", right=True),
    Column("SEVERITY", "severity"),
    Column("RULE", "rule"),
    Column("PROBLEM", "message"),
    Column("FIX", "fix"),
)

_SIZES = (Column("NAME", "name"), Column("TOKENS", "tokens", right=True), Column("MOST", "most_tokens", right=True))


@make(None, "lint", example="agentctl prompt lint prompts/ --strict")
@click.argument("place", metavar="DIR|FILE")
@click.option("--strict", is_flag=True, help="End with 1 also for warnings.")
@click.option("--tier", "tiers", metavar="TIER=MODEL", multiple=True, help="Show the cost of this provider/model.")
def lint(session: Session, place: str, *, strict: bool, tiers: tuple[str, ...]) -> None:
    """Check prompts: templates, variables and schema, parts, places that invite injections, tokens and cost.

    Ends with 1 if there is an error. It works without a server; with one it finds parts and prices there.
    """
    models = pairs(tiers, "--tier") or TIERS
    files = read_all(Path(place))
    find = _finder(session, Path(place))
    findings = [_finding(file, one) for file in files for one in _findings(file, find)]
    prices, why = _prices(session, models)
    sizes = [_size(file, find, prices) for file in files]
    _show(session, {"findings": findings, "prompts": sizes, "cost": why or "per call, of the prompt alone"}, models)
    if why:
        session.note(f"cost: {why}")
    errors = [one for one in findings if strict or one["severity"] == "error"]
    if errors:
        raise CliError(f"{len(errors)} of {len(findings)} findings must be corrected", "see the fix of each", FAILED)


def _findings(file: PromptFile, find: rules.Find) -> list[rules.Finding]:
    return rules.lint(file.prompt, read_text_of(file.path), find)


def _finding(file: PromptFile, found: rules.Finding) -> dict[str, Any]:
    names = ("line", "column", "severity", "rule", "message", "fix")
    return {"file": str(file.path), **{name: getattr(found, name) for name in names}}


def _size(file: PromptFile, find: rules.Find, prices: Mapping[str, Decimal]) -> dict[str, Any]:
    tokens, most = rules.size_of(file.prompt, find)
    costs = {tier: format((tokens * price / 1_000_000).normalize(), "f") for tier, price in prices.items()}
    return {"name": file.prompt.name, "tokens": tokens, "most_tokens": most, "cost_usd": costs}


def _show(session: Session, document: dict[str, Any], models: Mapping[str, str]) -> None:
    if session.format in ("table", "wide"):
        if document["findings"]:
            session.rows(document, document["findings"], _FINDINGS, "rule")
            click.echo()
        costs = [Column(f"{tier.upper()} USD", f"cost_usd.{tier}", text, right=True) for tier in models]
        session.rows(document, document["prompts"], (*_SIZES, *costs), "name")
    else:
        session.rows(document, document["prompts"], (), "name")


def _finder(session: Session, place: Path) -> rules.Find:
    """Return how parts are found: by their files, beside the file that includes them, else at the server."""
    folder = place if place.is_dir() else place.parent
    known = {one.prompt.name: one.prompt for one in _readable(folder)}

    @cache
    def find(part: rules.Part) -> rules.CreatePrompt | None:
        if part.name in known:
            return known[part.name]
        if not _has_server(session):
            return None
        try:
            answer = version_of(session, part.name, part.which)
        except CliError:
            return None
        return None if answer is None else rules.prompt_of(answer)

    return find


def _readable(folder: Path) -> Iterator[PromptFile]:
    """Yield the prompts of a folder; a file that cannot be read is reported where it is linted itself."""
    for path in files_in(folder):
        try:
            yield from read_all(path)
        except CliError:
            continue


def _has_server(session: Session) -> bool:
    return session.settings.token is not None


def _prices(session: Session, models: Mapping[str, str]) -> tuple[dict[str, Decimal], str]:
    """Return the US dollars per million tokens of input by tier, and why there are none."""
    if not _has_server(session):
        return {}, "no server"
    try:
        return {tier: _price(session, model) for tier, model in models.items()}, ""
    except CliError as exc:
        if exc.code == USAGE:
            raise
        return {}, f"no server ({exc.message})"


def _price(session: Session, named: str) -> Decimal:
    provider, slash, model = named.partition("/")
    if not slash:
        raise CliError(f"--tier {named!r} names no model", "write --tier gold=openai/gpt-4o", USAGE)
    found = session.get(PRICES, provider=provider, model=model)["prices"]
    return Decimal(str(found[0]["bands"][0]["usd_per_mtok"]["input_tokens"]))


command = lint
