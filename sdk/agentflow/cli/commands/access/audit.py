"""``agentctl audit``."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import FAILED, USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.options import group, page_options
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

if TYPE_CHECKING:
    from agentflow.audit_rules import PublicKey, Verified

AUDIT = "/api/v1/audit"
#: Checkpoints of an export: enough to say where a change is.
CHECKPOINTS = 1_000
_LIST = (
    Column("INDEX", "index", right=True),
    Column("AGE", "at", ago, right=True),
    Column("KIND", "kind"),
    Column("ACTOR", "event.actor"),
    Column("ACTION", "event.action"),
    Column("SUBJECT", "event.subject"),
    Column("DECISION", "event.decision"),
    Column("REASON", "event.reason"),
    Column("RUN", "event.run_id", wide=True),
    Column("STEP", "event.step_id", wide=True),
    Column("COUNT", "event.count", wide=True, right=True),
    Column("SHA-256", "sha256", wide=True),
)
_CHECKPOINT = (
    Column("ORIGIN", "origin"),
    Column("SIZE", "size", right=True),
    Column("ROOT", "root"),
    Column("AT", "at"),
)
_HOLDS = (
    Column("NAME", "name"),
    Column("REASON", "reason"),
    Column("KIND", "kind"),
    Column("ACTOR", "actor"),
    Column("RUN", "run_id"),
    Column("SINCE", "since"),
    Column("UNTIL", "until"),
    Column("BY", "created_by", wide=True),
)
_VERIFIED = (
    Column("INTACT", "intact", lambda value: "yes" if value else "no"),
    Column("ENTRIES", "entries"),
    Column("REMOVED", "removed"),
    Column("CHECKPOINTS", "checkpoints"),
    Column("SIGNED UNTIL", "signed_until"),
)
_FINDINGS = (Column("FOUND", "what"), Column("AT", "index", right=True), Column("MESSAGE", "message"))
KEYS = click.option(
    "--key", "keys", multiple=True, metavar="KEY|FILE", help="A public key that you trust, or its file. Repeatable."
)

_KEPT = (Column("KIND", "kind"), Column("DAYS", "days", lambda value: "for ever" if value is None else str(value)))

command = group("audit", "Read the audit log; verify, prove and export it; hold entries.")


@make(command, "list", watch=True, example="agentctl audit list --since 24h --kind denial")
@click.option("--kind", help="decisions, denial, admin, label, restore or key_use.")
@click.option("--actor", help="key:<id>, person:<id> or role:<name>.")
@click.option("--action", help="Such as create_key.")
@click.option("--run", "run_id", help="The run that it is about.")
@click.option("--since", help="24h, or a time with a zone.")
@click.option("--until", help="The same; entries before it.")
@page_options
def list_entries(session: Session, *, limit: int, **filters: str | None) -> None:
    """List entries, the newest first."""

    def show() -> None:
        found = list(pages(session, AUDIT, "entries", filters, limit))
        session.rows({"entries": found}, found, _LIST, "index")

    session.repeat(show)


@make(command, "checkpoint")
@click.option("--size", type=click.IntRange(1), help="Of so many entries; the newest by default.")
@click.option("--note", is_flag=True, help="Print the signed note alone, to be kept.")
def checkpoint(session: Session, *, size: int | None, note: bool) -> None:
    """Show a signed checkpoint. Keep some where the operator cannot change them."""
    found = session.get(f"{AUDIT}/checkpoint", size=size)
    if note:
        click.echo(found["note"], nl=False)
    else:
        session.one(found, _CHECKPOINT, "size")


@make(command, "key")
def key(session: Session) -> None:
    """Print the public keys that signed, the newest first. Keep them apart from the system."""
    found = session.get(f"{AUDIT}/key")
    session.rows(found, [{"key": one} for one in found["keys"]], (Column("KEY", "key"),), "key")


@make(command, "export", example="agentctl audit export acme.jsonl")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(session: Session, file: Path) -> None:
    """Write the whole log up to its newest checkpoint to FILE, which is verified without a server."""
    found = session.get(f"{AUDIT}/checkpoints", limit=CHECKPOINTS)["checkpoints"]
    if not found:
        raise CliError("the audit log has no checkpoint yet", "wait for the first entry, and set AUDIT_KEY", FAILED)
    size = found[0]["size"]
    manifest = {"origin": found[0]["origin"], "checkpoints": [one["note"] for one in reversed(found)], "export": 1}
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as out:
        out.write(json.dumps(manifest, ensure_ascii=False).encode() + b"\n")
        for line in _lines(session, size):
            out.write(line + b"\n")
    part.replace(file)
    session.note(f"{size} entries are in {file}; keep the public key apart from it: agentctl audit key")


@make(command, "verify", example="agentctl audit verify acme.jsonl --key acme.key --kept 2026-11-01.note")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@KEYS
@click.option(
    "--kept",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint that was kept from before; shows that the log was cut or written a second time. Repeatable.",
)
def verify(session: Session, file: Path, *, keys: tuple[str, ...], kept: tuple[Path, ...]) -> None:
    """Verify an export, without a server. Ends with 1 if anything is not as it was signed."""
    from agentflow import audit_rules as rules

    known = trusted(keys)
    with file.open("rb") as lines:
        result = rules.verify(lines, known, [path.read_text(encoding="utf-8") for path in kept])
    findings = [{"what": one.what, "index": one.index, "message": one.message} for one in result.findings]
    document = _document(result) | {"findings": findings}
    if session.format in ("json", "yaml") or not findings:
        session.one(document, _VERIFIED, "intact")
    else:
        session.rows(document, findings, _FINDINGS, "what")
    if findings:
        raise CliError(f"{file} is not what was signed: {findings[0]['message']}", "ask who had access to it", FAILED)


@make(command, "prove", example="agentctl audit prove 1204 --key acme.key")
@click.argument("index", type=click.IntRange(0))
@KEYS
@click.option("--size", type=click.IntRange(1), help="In the log of so many entries; the newest checkpoint by default.")
def prove(session: Session, index: int, *, keys: tuple[str, ...], size: int | None) -> None:
    """Prove that the log has the entry INDEX, and verify the proof here."""
    from agentflow import audit_rules as rules

    known = trusted(keys)
    found = session.get(f"{AUDIT}/proof", index=index, size=size)
    try:
        said = rules.Checkpoint.read(rules.verified_by(known, found["note"]))
        leaf = rules.line_leaf(index, found["line"].encode())
        hashes = [base64.b64decode(one) for one in found["hashes"]]
        proved = rules.is_included(leaf, index, said.size, hashes, said.root)
    except (rules.BadNote, ValueError) as exc:
        raise CliError(f"the proof cannot be read: {exc}", "check the key", FAILED) from exc
    if not proved:
        raise CliError(f"entry {index} is not in the log that was signed", "export the log and verify it", FAILED)
    entry = json.loads(found["line"])
    shown = {"index": index, "size": said.size, "origin": said.origin, "hashes": len(hashes), "entry": entry}
    columns = (
        Column("INDEX", "index"),
        Column("IN THE LOG", "origin"),
        Column("OF ENTRIES", "size"),
        Column("HASHES", "hashes"),
        Column("ENTRY", "entry"),
    )
    session.one(shown, columns, "index")


@make(command, "retention")
def retention(session: Session) -> None:
    """Show for how many days entries of the audit log keep what they say, by kind."""
    found = session.get("/api/v1/retention")
    rows = [{"kind": kind, "days": days} for kind, days in sorted(found["audit_days"].items())]
    session.rows(found["audit_days"], rows, _KEPT, "kind")


@make(command, "expire", changes=True, example="agentctl audit expire --kind key_use --before 90d")
@click.option("--kind", required=True, help="Entries of this kind.")
@click.option("--before", required=True, help="Older than 90d, or than a time with a zone.")
def expire(session: Session, *, kind: str, before: str) -> None:
    """Remove what old entries say, but for legal holds. Their hashes stay, so the log still verifies."""
    session.change("POST", f"{AUDIT}/expire", {"kind": kind, "before": before})
    session.note(f"entries of kind {kind} from before {before} lose what they say")


hold = group("hold", "Hold entries: retention removes nothing that a hold matches.")
command.add_command(hold)


@make(hold, "create", changes=True, example="agentctl audit hold create case-7 --reason 'case 7' --since 30d")
@click.argument("name")
@click.option("--reason", required=True, help="Why.")
@click.option("--kind", help="Only entries of this kind.")
@click.option("--actor", help="Only those of this actor.")
@click.option("--run", "run_id", help="Only those about this run.")
@click.option("--since", help="Only those since then: 30d, or a time with a zone.")
@click.option("--until", help="Only those from before.")
def create_hold(session: Session, name: str, **conditions: str | None) -> None:
    """Create the legal hold NAME."""
    body = {"name": name} | {field: value for field, value in conditions.items() if value is not None}
    session.one(session.change("POST", f"{AUDIT}/holds", body), _HOLDS, "name")


@make(hold, "list")
def list_holds(session: Session) -> None:
    """List the legal holds in force."""
    found = session.get(f"{AUDIT}/holds")
    session.rows(found, found["holds"], _HOLDS, "name")


@make(hold, "remove", changes=True)
@click.argument("name")
def remove_hold(session: Session, name: str) -> None:
    """Remove the legal hold NAME. Nothing is removed from the log by that."""
    session.change("DELETE", at(f"{AUDIT}/holds", name))
    session.note(f"hold {name} is removed")


def _lines(session: Session, size: int) -> Iterator[bytes]:
    first: int | None = 0
    while first is not None:
        page = session.get(f"{AUDIT}/lines", first=first, size=size)
        yield from (line.encode() for line in page["lines"])
        first = page.get("next")


def trusted(keys: tuple[str, ...]) -> "list[PublicKey]":
    """Return the public keys that a person trusts. Raises ``CliError``."""
    from agentflow.audit_rules import BadNote, PublicKey

    if not keys:
        raise CliError("no public key", "give --key; a key from the server that is verified proves nothing", USAGE)
    try:
        return [PublicKey.read(text) for one in keys for text in _texts(one)]
    except BadNote as exc:
        raise CliError(str(exc), "agentctl audit key prints it", USAGE) from exc


def _texts(given: str) -> list[str]:
    path = Path(given)
    text = path.read_text(encoding="utf-8") if path.is_file() else given
    return [line for line in text.splitlines() if line.strip() and line.strip() != "KEY"]


def _document(result: "Verified") -> dict[str, Any]:
    return {
        "intact": result.intact,
        "entries": result.entries,
        "removed": result.removed,
        "checkpoints": result.checkpoints,
        "signed_until": result.newest.size if result.newest is not None else None,
    }
