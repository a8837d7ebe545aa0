"""Makes reports of evidence: what the audit log shows of a period, with all that proves it.

    1. find     the newest checkpoint from before the period, and what was active then
    2. request  the report itself is an act in the log, which names period and earlier entries; a checkpoint covers it
    3. read     all entries from the first checkpoint to the one behind the period, and the hashes of proofs
    4. prove    what was read is verified as anybody would, before it is given away

A crash after 2 leaves an act that made no report; the log says so by itself.
"""

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

import msgspec

from connectors.postgres.audit.reading import AuditReads, EntryFilter, StoredEntry
from schemas.audit.entries import Head
from schemas.audit.log import SignedCheckpoint
from schemas.audit.notes import PublicKey
from schemas.audit.proofs import consistency_ranges, inclusion_ranges, perfect_parts
from schemas.audit.verifying import REMOVED
from schemas.compliance.evidence import Evidence, Proof, Unproven, packed, proven
from schemas.compliance.report import ACTION, Report, report_of, request_details
from schemas.compliance.statements import ACTIVATIONS, Period
from schemas.errors import Conflict, InvalidInput, Problem, Unavailable
from schemas.records.definitions import AuditEvent

#: Clocks of processes differ by less: an entry is said to be older than it is by so much at most.
MARGIN_MS: Final = 60_000
#: Entries of one report, and of one read.
MOST_ENTRIES: Final = 500_000
PAGE: Final = 5_000
#: How long the request may take to be an entry that is signed for.
PATIENCE_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.1
#: Requests among which this one is looked for.
_RECENT: Final = 100


class Append(Protocol):
    """Puts an audit event into the log of records."""

    async def __call__(self, event: AuditEvent, /) -> None:
        """Return when it is acknowledged. Raises ``Unavailable``."""
        ...


class Reports:
    """Makes the reports of organisations. ``now_ms`` is the time."""

    def __init__(self, reads: AuditReads, append: Append, now_ms: Callable[[], int]) -> None:
        self._reads = reads
        self._append = append
        self._now_ms = now_ms

    async def make(self, org_id: str, actor: str, period: Period) -> Report:
        """Return the report of a period that is over.

        Raises ``InvalidInput`` for one that is not, or has too many entries, ``Conflict`` for a log that nobody signs,
        and ``Unavailable`` when the request is not signed for in time.
        """
        _check(period, self._now_ms())
        if not await self._reads.checkpoints(org_id, 1):
            raise Conflict("the audit log has no signed checkpoint yet, so nothing can be proven; is AUDIT_KEY set?")
        before = await self._reads.checkpoint_before(org_id, period.from_ms - MARGIN_MS)
        first = 0 if before is None else before.size
        active = await self._active(org_id, first)
        request, newest = await self._requested(org_id, actor, period, [one.index for one in active])
        after = await self._reads.checkpoint_after(org_id, period.to_ms + MARGIN_MS) or newest
        if after.size - first > MOST_ENTRIES:
            said = f"the log has {after.size - first} entries in it, the most of one report is {MOST_ENTRIES}"
            raise InvalidInput.of(Problem("query.from", said, "make several reports of shorter periods"))
        evidence = Evidence(
            before="" if before is None else before.note,
            frontier=await self._hashes(org_id, perfect_parts(0, first)),
            after=after.note,
            lines=packed([line async for line in self._lines(org_id, first, after.size)]),
            newest=newest.note,
            consistency=await self._hashes(org_id, consistency_ranges(after.size, newest.size)),
            request=await self._proof(org_id, request, newest),
            earlier=[await self._proof(org_id, one, after) for one in active],
        )
        keys = [PublicKey.read(text) for text in await self._reads.keys()]
        return await asyncio.to_thread(_written, period, evidence, keys)

    async def _active(self, org_id: str, before: int) -> list[StoredEntry]:
        """Return the newest change of the active policy from before an entry."""
        found: list[StoredEntry] = []
        for action in ACTIVATIONS if before else ():
            found += await self._reads.page(org_id, EntryFilter(kind="admin", action=action), before, 1)
        return sorted((one for one in found if one.data is not None), key=lambda one: one.index)[-1:]

    async def _requested(
        self, org_id: str, actor: str, period: Period, earlier: Sequence[int]
    ) -> tuple[StoredEntry, SignedCheckpoint]:
        """Record the request; return its entry, and a checkpoint that covers it."""
        event = AuditEvent(
            event_id=f"report/{uuid.uuid4()}",
            org_id=org_id,
            actor=actor,
            action=ACTION,
            subject="compliance/report",
            decision="allowed",
            at_ms=self._now_ms(),
            details=request_details(period, earlier),
        )
        await self._append(event)
        until, mark = time.monotonic() + PATIENCE_S, event.event_id.encode()
        while time.monotonic() < until:
            recent = await self._reads.page(org_id, EntryFilter(kind="admin", action=ACTION), None, _RECENT)
            entry = next((one for one in recent if one.data is not None and mark in one.data), None)
            newest = await self._reads.checkpoints(org_id, 1)
            if entry is not None and newest and newest[0].size > entry.index:
                return entry, newest[0]
            await asyncio.sleep(_LOOK_EVERY_S)
        raise Unavailable("audit", "the request is no entry of the audit log yet; is the role audit running?", 5.0)

    async def _lines(self, org_id: str, first: int, end: int) -> AsyncIterator[bytes]:
        for start in range(first, end, PAGE):
            for one in await self._reads.entries(org_id, start, min(end, start + PAGE)):
                yield line_of(one)

    async def _proof(self, org_id: str, one: StoredEntry, vouched: SignedCheckpoint) -> Proof:
        hashes = await self._hashes(org_id, inclusion_ranges(one.index, vouched.size))
        return Proof(one.index, line_of(one).decode(), hashes)

    async def _hashes(self, org_id: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
        return [base64.b64encode(one).decode() for one in await self._reads.hashes(org_id, ranges)]


def line_of(stored: StoredEntry) -> bytes:
    """Return an entry as exports have it."""
    if stored.data is not None:
        return stored.data
    head = Head(stored.index, stored.kind, stored.at_ms, stored.sha256.hex())
    return REMOVED + msgspec.json.encode(head) + b"}"


def _check(period: Period, now_ms: int) -> None:
    if period.from_ms >= period.to_ms:
        raise InvalidInput.of(Problem("query.from", "is not before the end of the period", "give an earlier time"))
    if period.to_ms > now_ms:
        raise InvalidInput.of(Problem("query.to", "is not over yet", "give an earlier time, or leave it out"))


def _written(period: Period, evidence: Evidence, keys: Sequence[PublicKey]) -> Report:
    try:
        return report_of(period, evidence, proven(evidence, keys))
    except Unproven as exc:
        raise Conflict(f"the audit log does not prove itself: {exc}; export it, and run agentctl audit verify") from exc
