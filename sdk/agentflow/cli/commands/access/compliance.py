"""``agentctl compliance``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.commands.access.audit import KEYS, trusted
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

if TYPE_CHECKING:
    from agentflow.audit_rules import Finding

FACTS = "/api/v1/providers/facts"
REPORT = "/api/v1/compliance/report"
_STATED = 'write {"providers": [{"route": "openai/*", "regions": ["eu"]}]}'
_PAGE = ("<", "<!")


def _known(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


_FACTS = (
    Column("ROUTE", "route"),
    Column("REGIONS", "regions", _known),
    Column("DAYS KEPT", "retention_days", _known, right=True),
    Column("TRAINS", "trains", _known),
    Column("CERTIFICATIONS", "certifications", _known),
    Column("SOURCES", "sources", lambda value: "; ".join(dict.fromkeys(value.values())), wide=True),
)
_VERSIONS = (
    Column("VERSION", "version", right=True),
    Column("ENTRIES", "entries", right=True),
    Column("BY", "created_by"),
    Column("AGE", "created_at", ago, right=True),
)
_VERIFIED = (
    Column("INTACT", "intact", lambda value: "yes" if value else "no"),
    Column("ORGANISATION", "organisation"),
    Column("FROM", "from"),
    Column("TO", "to"),
    Column("STATEMENTS", "statements", right=True),
    Column("ENTRIES", "entries", right=True),
    Column("SIGNED UNTIL", "signed_until"),
)
_FINDINGS = (Column("FOUND", "what"), Column("AT", "index", right=True), Column("MESSAGE", "message"))

command = group("compliance", "State facts of providers; make and verify reports of evidence.")


@make(command, "facts", example="agentctl compliance facts --route openai/gpt-4.1")
@click.option("--route", metavar="PROVIDER/MODEL", help="Of this route only.")
@click.option("--versions", is_flag=True, help="List the versions instead.")
def facts(session: Session, *, route: str | None, versions: bool) -> None:
    """Show what is known of providers: regions, days of retention, training; -o yaml has what you stated."""
    if versions:
        found = session.get(f"{FACTS}/versions")
        session.rows(found, found["versions"], _VERSIONS, "version")
        return
    found = session.get(FACTS, route=route)
    session.rows(found, found["known"], _FACTS, "route")


@make(command, "state", changes=True, example="agentctl compliance state providers.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def state(session: Session, file: Path) -> None:
    """State the facts of providers in FILE, JSON with a list `providers`, in place of those before."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise CliError(f"{file} cannot be read: {exc}", "give a file in JSON", USAGE) from exc
    if not isinstance(body, dict):
        raise CliError(f"{file} has no list of providers", _STATED, USAGE)
    found = session.change("PUT", FACTS, body)
    session.note(f"version {found['version']} of the facts counts")
    session.rows(found, found["known"], _FACTS, "route")


@make(command, "report", example="agentctl compliance report --from 30d --format html --file november.html")
@click.option("--from", "since", required=True, help="30d, or a time with a zone.")
@click.option("--to", "until", help="The same; before it. Now without it.")
@click.option("--format", "form", type=OneOf(("json", "html")), default="json", show_default=True, help="Of FILE.")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where it is written.")
def report(session: Session, *, since: str, until: str | None, form: str, file: Path) -> None:
    """Make the report of a period. That it was made is an entry of the audit log."""
    from agentflow.audit_rules import page_of

    found = session.get(REPORT, **{"from": since, "to": until, "format": "json"})
    part = file.with_name(f"{file.name}.part")
    part.write_text(page_of(found) if form == "html" else json.dumps(found), encoding="utf-8")
    part.replace(file)
    said = [f"{one['title']}: {one['says']}" for one in found["statements"]]
    session.note("\n".join([*said, f"wrote {file}; verify it: agentctl compliance verify {file} --key KEY"]))


@make(command, "verify", example="agentctl compliance verify november.html --key acme.key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@KEYS
def verify(session: Session, file: Path, *, keys: tuple[str, ...]) -> None:
    """Verify a report, JSON or HTML, without a server: every number is computed again from signed entries."""
    from agentflow import audit_rules as rules

    given = file.read_text(encoding="utf-8", errors="replace")
    is_page = given.lstrip().startswith(_PAGE)
    try:
        found = rules.report_in(given) if is_page else json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise CliError(f"{file} is no report: {exc}", "give a file of agentctl compliance report", USAGE) from exc
    if not isinstance(found, dict):
        raise CliError(f"{file} is no report", "give a file of agentctl compliance report", USAGE)
    shown, findings = rules.verify_report(found, trusted(keys))
    if is_page and not findings and rules.page_of(found) != given:
        findings = [rules.Finding("page", "the page shows something else than the report in it")]
    document = _document(found, shown, findings)
    if session.format in ("json", "yaml") or not findings:
        session.one(document, _VERIFIED, "intact")
    else:
        session.rows(document, document["findings"], _FINDINGS, "what")
    if findings:
        raise CliError(f"{file} is not what was signed: {findings[0].message}", "ask who had access to it", FAILED)


def _document(found: dict[str, Any], shown: Any, findings: "list[Finding]") -> dict[str, Any]:
    listed = [{"what": one.what, "index": one.index, "message": one.message} for one in findings]
    if shown is None:
        nothing = {"organisation": None, "from": None, "to": None, "statements": 0, "entries": 0, "signed_until": None}
        return {"intact": False, **nothing, "findings": listed}
    period = found.get("period") if isinstance(found.get("period"), dict) else {}
    return {
        "intact": not findings,
        "organisation": found.get("organisation"),
        "from": (period or {}).get("from"),
        "to": (period or {}).get("to"),
        "statements": len(found["statements"]) if isinstance(found.get("statements"), list) else 0,
        "entries": len(shown.found.entries) + len(shown.found.removed),
        "signed_until": shown.after.size,
        "findings": listed,
    }
