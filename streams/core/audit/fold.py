"""The fold of ``audit-events``, pure: where a log stands and what comes, to what is appended and vouched for.

The rules, whatever comes twice or late:

1. An event is an entry once: the first one with its ``event_id``. Entries are in the order of the log of records, which
   is one order for an organisation.
2. Each write ends with a checkpoint over all that it appends. The one before it stays if it is ``KEEP_MS`` or
   ``KEEP_ENTRIES`` after the last that stays; else the new one stands for it. So a busy log has a checkpoint for each
   ten seconds, and every entry is vouched for as soon as it can be read.
3. Entries of an organisation's act ``audit.expired`` remove the bytes of older entries, in the same write.

Which events one write has is not of the rules: the same records give the same entries and the same tree in whatever
batches, so a write that is done again vouches for the same log.
"""

from collections.abc import Collection, Iterable

from msgspec import Struct, structs

from schemas.audit.entries import entry_bytes, head_of, leaf_of
from schemas.audit.log import Expiry, LogEntry, LogHead
from schemas.audit.notes import Checkpoint
from schemas.audit.tree import appended, chained, root_of_frontier
from schemas.audit.verifying import EXPIRED
from schemas.errors import BadRecord
from schemas.records.definitions import AuditEvent
from streams.core.org_ids import check_org_id

KEEP_MS = 10_000
KEEP_ENTRIES = 10_000


class Arrived(Struct, frozen=True):
    """An event with its canonical bytes, and when the broker took it."""

    event: AuditEvent
    data: bytes
    at_ms: int


class Appended(Struct, frozen=True):
    """What a batch did to one log. ``repeated`` events were entries already."""

    head: LogHead
    entries: list[LogEntry]
    expiries: list[Expiry]
    repeated: int


def arrived(event: AuditEvent, at_ms: int) -> Arrived:
    """Return an event as it can be appended. Raises ``BadRecord`` for one that no log can have."""
    check_org_id(event.org_id)
    if not event.event_id:
        raise BadRecord("event_id", "an audit event needs an event_id, by which its repeats are known")
    return Arrived(event, entry_bytes(event), at_ms)


def append_all(head: LogHead, events: Iterable[Arrived], known: Collection[str]) -> Appended:
    """Append those events of one organisation that are not entries yet; ``known`` are ids of those that are."""
    seen = set(known)
    size, frontier, chain, at_ms = head.size, head.frontier, head.chain, head.at_ms
    entries: list[LogEntry] = []
    expiries: list[Expiry] = []
    repeated = 0
    for one in events:
        event = one.event
        if event.event_id in seen:
            repeated += 1
            continue
        seen.add(event.event_id)
        said = head_of(size, event.kind, event.at_ms, one.data)
        leaf = leaf_of(said)
        frontier, nodes = appended(frontier, size, leaf)
        chain = chained(chain, leaf)
        entries.append(LogEntry(size, event, one.data, bytes.fromhex(said.sha256), leaf, nodes))
        if event.action == EXPIRED and (expiry := _expiry(size, event)) is not None:
            expiries.append(expiry)
        size, at_ms = size + 1, max(at_ms, one.at_ms)
    new = structs.replace(head, size=size, frontier=frontier, chain=chain, at_ms=at_ms)
    return Appended(new, entries, expiries, repeated)


def checkpoint(head: LogHead, origin: str) -> Checkpoint:
    """Return what is to be signed for a log as it stands."""
    return Checkpoint(origin, head.size, root_of_frontier(head.frontier), head.at_ms)


def signed(head: LogHead) -> tuple[LogHead, int]:
    """Return the head of a log that was signed for as it stands, and the size of the checkpoint that may leave."""
    replaces = head.signed if head.signed > head.kept else 0
    is_kept = head.at_ms - head.kept_ms >= KEEP_MS or head.size - head.kept >= KEEP_ENTRIES
    kept, kept_ms = (head.size, head.at_ms) if is_kept else (head.kept, head.kept_ms)
    return structs.replace(head, signed=head.size, kept=kept, kept_ms=kept_ms), replaces


def _expiry(index: int, event: AuditEvent) -> Expiry | None:
    kind, before = event.details.get("kind", ""), event.details.get("before_ms", "")
    if event.kind != "admin" or not kind or not before.isdecimal():
        return None
    # What has not happened yet cannot be over.
    return Expiry(index, kind, min(int(before), event.at_ms))
