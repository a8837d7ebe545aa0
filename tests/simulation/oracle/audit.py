"""Audit: every event is an entry once, in the order of the log of records, and every checkpoint is of that very log."""

from collections.abc import Iterator

import msgspec

from schemas.audit.entries import entry_bytes, head_of, leaf_of
from schemas.audit.log import LogHead
from schemas.audit.notes import BadNote, Checkpoint
from schemas.audit.proofs import inclusion_ranges, is_included, perfect_parts, stored_parts, together
from schemas.audit.tree import NO_CHAIN, chained, root_of
from schemas.audit.verifying import EXPIRED, REMOVED, Manifest, verify
from schemas.records.definitions import AuditEvent
from schemas.records.security.audit import AuditCheckpoint
from streams.core.audit.fold import KEEP_ENTRIES, KEEP_MS
from tests.simulation.world.audit import KEY
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode


def check(world: World) -> Iterator[str]:
    """Yield what is wrong with the audit logs."""
    if not world.audited:
        return
    said: dict[str, dict[str, AuditEvent]] = {}
    for record in world.log.everything(catalogue.AUDIT_EVENTS):
        event = decode(record.topic, record.value)
        said.setdefault(event.org_id, {}).setdefault(event.event_id, event)
    if said.keys() != world.audit.entries.keys():
        yield f"there are logs of {sorted(world.audit.entries)}, and events of {sorted(said)}"
    for org, events in said.items():
        yield from _log(world, org, list(events.values()))


def _log(world: World, org: str, events: list[AuditEvent]) -> Iterator[str]:
    logs = world.audit
    entries, head, notes = logs.entries.get(org, []), logs.heads[org], logs.checkpoints[org]
    wanted = [entry_bytes(event) for event in events]
    if [entry.data for entry in entries] != wanted:
        yield f"the log of {org} has {len(entries)} entries that are not the {len(wanted)} events in their order"
        return
    leaves, chain = [], NO_CHAIN
    for index, (event, data) in enumerate(zip(events, wanted, strict=True)):
        leaves.append(leaf_of(head_of(index, event.kind, event.at_ms, data)))
        chain = chained(chain, leaves[-1])
    if [entry.leaf for entry in entries] != leaves or [entry.index for entry in entries] != [*range(len(leaves))]:
        yield f"leaves of {org} are not those of its entries"
    if (head.size, head.chain) != (len(leaves), chain):
        yield f"the head of {org} is of another log: {head.size} of {len(leaves)} entries"
    sent = [decode(record.topic, record.value) for record in world.log.everything(catalogue.events_topic(org))]
    sent_notes = {one.data["size"]: one.data["note"] for one in sent if isinstance(one, AuditCheckpoint)}
    for note in (*(one.note for one in notes.values()), *sent_notes.values()):
        yield from _note(org, note, leaves)
    yield from _kept(org, [notes[size].at_ms for size in sorted(notes)], sorted(notes), set(sent_notes), head)
    yield from _expired(org, events, logs.removed.get(org, set()))
    yield from _export(world, org, events)
    yield from _proofs(world, org, leaves)


def _note(org: str, note: str, leaves: list[bytes]) -> Iterator[str]:
    try:
        vouched = Checkpoint.read(KEY.public.verified(note))
    except BadNote as exc:
        yield f"a checkpoint of {org} is none: {exc}"
        return
    if vouched.size > len(leaves) or vouched.root != root_of(leaves[: vouched.size]):
        yield f"the checkpoint of {org} over {vouched.size} entries is of another log"


def _kept(org: str, times: list[int], sizes: list[int], sent: set[int], head: LogHead) -> Iterator[str]:
    """The newest checkpoint is over the whole log; older ones are far apart, and were sent."""
    size, kept = head.size, head.kept
    if sizes[-1] != size:
        yield f"the newest checkpoint of {org} is over {sizes[-1]} of {size} entries"
    for place in range(1, len(sizes) - 1):
        if times[place] - times[place - 1] < KEEP_MS and sizes[place] - sizes[place - 1] < KEEP_ENTRIES:
            yield f"checkpoints of {org} over {sizes[place - 1]} and {sizes[place]} entries are too close"
    if kept not in sizes:
        yield f"the checkpoint of {org} over {kept} entries left, and was to stay"
    if not set(sizes[:-1]) <= sent:
        yield f"checkpoints of {org} were not sent: {sorted(set(sizes[:-1]) - sent)}"


def _expired(org: str, events: list[AuditEvent], removed: set[int]) -> Iterator[str]:
    wanted = set()
    for index, said in enumerate(events):
        if said.action == EXPIRED:
            before = min(int(said.details["before_ms"]), said.at_ms)
            wanted |= {
                place
                for place, event in enumerate(events[:index])
                if event.kind == said.details["kind"] and event.at_ms < before and event.action != EXPIRED
            }
    if removed != wanted:
        yield f"entries {sorted(removed ^ wanted)} of {org} are there and over, or not there and not over"


def _export(world: World, org: str, events: list[AuditEvent]) -> Iterator[str]:
    notes = world.audit.checkpoints[org]
    removed = world.audit.removed.get(org, set())
    manifest = Manifest(f"{KEY.public.name}/{org}", [notes[size].note for size in sorted(notes)])
    lines = [msgspec.json.encode(manifest)]
    for index, event in enumerate(events):
        data = entry_bytes(event)
        head = head_of(index, event.kind, event.at_ms, data)
        lines.append(REMOVED + msgspec.json.encode(head) + b"}" if index in removed else data)
    for finding in verify(lines, [KEY.public]).findings:
        yield f"the export of {org} does not verify: {finding.message}"


def _proofs(world: World, org: str, leaves: list[bytes]) -> Iterator[str]:
    """The stored hashes make the proof of an entry."""
    entries = world.audit.entries[org]
    stored = {(0, index): entry.leaf for index, entry in enumerate(entries)}
    for index, entry in enumerate(entries):
        for number, node in enumerate(entry.nodes, start=1):
            level = number * 8
            stored[level, (index + 1 >> level) - 1] = node
    index = world.rng.randrange(len(leaves))
    proof = []
    for start, end in inclusion_ranges(index, len(leaves)):
        parts = []
        for part in perfect_parts(start, end):
            level, places = stored_parts(*part)
            if any((level, place) not in stored for place in places):
                yield f"the log of {org} has no hashes of level {level} for entries {part}"
                return
            parts.append(root_of([stored[level, place] for place in places]))
        proof.append(together(parts))
    if not is_included(leaves[index], index, len(leaves), proof, root_of(leaves)):
        yield f"entry {index} of {org} cannot be proved"
