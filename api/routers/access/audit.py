"""The audit log: entries, signed checkpoints and proofs."""

import base64
from dataclasses import dataclass
from typing import Annotated

import msgspec
import orjson
from fastapi import APIRouter, Depends, Query

from api.caller import Caller
from api.dependencies import Admin, Parts, Reader
from api.routers.errors import errors
from api.routers.filters import stored_text, time_ms
from api.services import Services
from connectors.postgres.audit.reading import EntryFilter, StoredEntry
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.security.audit import (
    AuditCheckpointAnswer,
    AuditCheckpointPage,
    AuditConsistency,
    AuditEntry,
    AuditKeys,
    AuditLines,
    AuditPage,
    AuditProof,
)
from schemas.audit.entries import Head
from schemas.audit.log import SignedCheckpoint
from schemas.audit.notes import Checkpoint
from schemas.audit.proofs import consistency_ranges, inclusion_ranges
from schemas.audit.verifying import REMOVED
from schemas.errors import InvalidInput, NotFound, Problem

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Size = Annotated[int | None, Query(ge=1, lt=2**63, description="The checkpoint's size; the newest one without it.")]
Index = Annotated[int, Query(ge=0, lt=2**63)]
Text = Annotated[str | None, Query(max_length=200)]
#: An entry has up to 768 KB, and an answer must not have gigabytes of them.
MOST_LINE_BYTES = 4 * 1024 * 1024

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryQuery:
    """Which entries are listed, as query parameters."""

    kind: Text = None
    actor: Annotated[str | None, Query(max_length=200, description="`key:<id>`, `person:<id>` or `role:<name>`.")] = (
        None
    )
    action: Text = None
    run_id: Text = None
    since: Annotated[str | None, Query(max_length=64, description="RFC 3339, or a span back from now (`24h`).")] = None
    until: Annotated[str | None, Query(max_length=64, description="The same; entries before it.")] = None
    cursor: Annotated[str | None, Query(pattern=r"^(0|[1-9][0-9]{0,17})$")] = None
    limit: Limit = 100

    def filtered(self) -> EntryFilter:
        """Return the filter. Raises ``InvalidInput``."""
        return EntryFilter(
            kind=stored_text("query.kind", self.kind),
            actor=stored_text("query.actor", self.actor),
            action=stored_text("query.action", self.action),
            run_id=stored_text("query.run_id", self.run_id),
            since_ms=time_ms("query.since", self.since),
            until_ms=time_ms("query.until", self.until),
        )


@router.get("", responses=errors(), summary="List audit entries")
async def list_audit_entries(who: Admin, parts: Parts, asked: Annotated[EntryQuery, Depends()]) -> AuditPage:
    """List entries, the newest first. What retention removed is found by kind and time only."""
    before = None if asked.cursor is None else int(asked.cursor)
    found = await parts.audit.reads.page(who.org_id, asked.filtered(), before, asked.limit)
    following = str(found[-1].index) if len(found) == asked.limit else None
    return AuditPage(entries=[_entry(one) for one in found], next_cursor=following)


@router.get("/lines", responses=errors(404), summary="Export audit entries")
async def export_audit_lines(
    who: Admin,
    parts: Parts,
    first: Index = 0,
    size: Size = None,
    limit: Limit = MAX_PAGE,
) -> AuditLines:
    """Return entries as they were signed for, in order, up to a checkpoint, as for an export."""
    vouched = await _checkpoint(parts, who, size)
    found = await parts.audit.reads.entries(who.org_id, first, min(vouched.size, first + limit))
    lines: list[str] = []
    room = MOST_LINE_BYTES
    for one in found:
        line = _line(one)
        room -= len(line)
        if lines and room < 0:
            break
        lines.append(line)
    end = first + len(lines)
    return AuditLines(first=first, lines=lines, next=end if lines and end < vouched.size else None)


@router.get("/checkpoint", responses=errors(404), summary="Read a checkpoint")
async def get_audit_checkpoint(who: Reader, parts: Parts, size: Size = None) -> AuditCheckpointAnswer:
    """Return a signed checkpoint. Keep some where the operator of this system cannot change them."""
    return _answer(await _checkpoint(parts, who, size))


@router.get("/checkpoints", responses=errors(), summary="List checkpoints")
async def list_audit_checkpoints(who: Reader, parts: Parts, limit: Limit = 100) -> AuditCheckpointPage:
    """List the checkpoints that are kept, the newest first: of a busy log one for each ten seconds."""
    found = await parts.audit.reads.checkpoints(who.org_id, limit)
    return AuditCheckpointPage(checkpoints=[_answer(one) for one in found])


@router.get("/proof", responses=errors(404), summary="Prove an entry")
async def prove_audit_entry(who: Admin, parts: Parts, index: Index, size: Size = None) -> AuditProof:
    """Prove that a log that was vouched for has an entry (RFC 9162, 2.1.3)."""
    vouched = await _checkpoint(parts, who, size)
    if index >= vouched.size:
        raise _not_there("query.index", f"the checkpoint is over {vouched.size} entries")
    (entry,) = await parts.audit.reads.entries(who.org_id, index, index + 1)
    hashes = await parts.audit.reads.hashes(who.org_id, inclusion_ranges(index, vouched.size))
    return AuditProof(
        index=index,
        size=vouched.size,
        line=_line(entry),
        leaf=_base64(entry.leaf),
        hashes=[_base64(one) for one in hashes],
        note=vouched.note,
    )


@router.get("/consistency", responses=errors(404), summary="Prove consistency")
async def prove_audit_consistency(
    who: Reader, parts: Parts, old: Annotated[int, Query(ge=1, lt=2**63)], size: Size = None
) -> AuditConsistency:
    """Prove that an older log is the beginning of a newer one (RFC 9162, 2.1.4)."""
    vouched = await _checkpoint(parts, who, size)
    if old > vouched.size:
        raise _not_there("query.old", f"the checkpoint is over {vouched.size} entries")
    hashes = await parts.audit.reads.hashes(who.org_id, consistency_ranges(old, vouched.size))
    return AuditConsistency(old=old, size=vouched.size, hashes=[_base64(one) for one in hashes], note=vouched.note)


@router.get("/key", responses=errors(), summary="Read the public keys")
async def get_audit_keys(_: Reader, parts: Parts) -> AuditKeys:
    """Return the public keys that signed checkpoints, the newest first. Keep them apart from this system."""
    return AuditKeys(keys=await parts.audit.reads.keys())


async def _checkpoint(parts: Services, who: Caller, size: int | None) -> SignedCheckpoint:
    found = await parts.audit.reads.checkpoints(who.org_id, 1, size)
    if not found:
        what = "yet" if size is None else f"over {size} entries; see GET /api/v1/audit/checkpoints"
        raise NotFound(f"the audit log has no checkpoint {what}")
    return found[0]


def _not_there(path: str, message: str) -> InvalidInput:
    return InvalidInput.of(Problem(path, message, "give a smaller one, or wait for the next checkpoint"))


def _answer(stored: SignedCheckpoint) -> AuditCheckpointAnswer:
    said = Checkpoint.read(stored.note.partition("\n\n")[0] + "\n")
    return AuditCheckpointAnswer(
        origin=said.origin, size=said.size, root=_base64(said.root), at=timestamp(said.at_ms), note=stored.note
    )


def _entry(stored: StoredEntry) -> AuditEntry:
    return AuditEntry(
        index=stored.index,
        kind=stored.kind,
        at=timestamp(stored.at_ms),
        sha256=stored.sha256.hex(),
        event=None if stored.data is None else orjson.loads(stored.data),
    )


def _line(stored: StoredEntry) -> str:
    """Return an entry as an export has it."""
    if stored.data is not None:
        return stored.data.decode()
    head = Head(stored.index, stored.kind, stored.at_ms, stored.sha256.hex())
    return (REMOVED + msgspec.json.encode(head) + b"}").decode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
