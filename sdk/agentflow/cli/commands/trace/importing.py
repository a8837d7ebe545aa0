"""``agentctl trace import``: spans of other programs, from files of collectors."""

import json
from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.row_files import json_rows
from agentflow.cli.session import Session
from agentflow.cli.units import read_text

PATH = "/v1/traces"
_COLUMNS = (
    Column("REQUESTS", "requests", right=True),
    Column("SPANS", "spans", right=True),
    Column("REFUSED", "refused", right=True),
    Column("REASON", "reason"),
)


@make(None, "import", changes=True, example="agentctl trace import traces.jsonl")
@click.argument("file")
def command(session: Session, file: str) -> None:
    """Store the spans in FILE, requests of OTLP in JSON: one document, or one on each line; - is stdin."""
    requests = _requests(file, read_text(file))
    spans = sum(map(_spans, requests))
    if session.given.get("dry-run"):
        session.print_request("POST", PATH, {"requests": len(requests), "spans": spans})
        return
    refused, reason = 0, ""
    for request in requests:
        partial = session.send("POST", PATH, request).get("partialSuccess") or {}
        refused += int(partial.get("rejectedSpans", 0))
        reason = reason or partial.get("errorMessage", "")
    found = {"requests": len(requests), "spans": spans - refused, "refused": refused, "reason": reason}
    session.one(found, _COLUMNS, "spans")


def _requests(file: str, text: str) -> list[dict[str, Any]]:
    try:
        found = [json.loads(text)]
    except ValueError:
        found = [row.fields for row in json_rows(file, text)]
    if not found or not all(isinstance(one, dict) and "resourceSpans" in one for one in found):
        raise CliError(f"{file} has no requests of OTLP", 'write JSON objects with "resourceSpans"', USAGE)
    return found


def _spans(request: dict[str, Any]) -> int:
    try:
        groups = [group for one in request["resourceSpans"] for group in one.get("scopeSpans", ())]
        return sum(len(group.get("spans", ())) for group in groups)
    except (AttributeError, TypeError):
        return 0  # the server names what is wrong with it
