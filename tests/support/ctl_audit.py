"""Answers about an audit log, as the documents that commands read."""

import base64
from typing import Any

from schemas.audit.log import LogHead
from schemas.audit.notes import Checkpoint
from schemas.audit.proofs import inclusion_proof
from schemas.audit.tree import root_of_frontier
from streams.core.audit.fold import append_all, arrived
from tests.support.audit import AT_MS, KEY, audit_event

EVENTS = [arrived(audit_event(number), AT_MS) for number in range(12)]
_AUDIT = "/api/v1/audit"


def checkpoint(size: int) -> dict[str, Any]:
    """Return the checkpoint over the first events."""
    head = append_all(LogHead(), EVENTS[:size], ()).head
    said = Checkpoint("example.test/audit/acme", size, root_of_frontier(head.frontier), AT_MS)
    root, note = base64.b64encode(said.root).decode(), KEY.signed(said.text)
    return {"origin": said.origin, "size": size, "root": root, "at": "2027-01-15T08:00:00Z", "note": note}


def lines(first: int, end: int, following: int | None) -> dict[str, Any]:
    """Return a page of an export."""
    return {"first": first, "lines": [one.data.decode() for one in EVENTS[first:end]], "next": following}


def proof(index: int) -> dict[str, Any]:
    """Return the proof of an entry."""
    leaves = [entry.leaf for entry in append_all(LogHead(), EVENTS, ()).entries]
    hashes = [base64.b64encode(one).decode() for one in inclusion_proof(leaves, index)]
    line, note = EVENTS[index].data.decode(), checkpoint(12)["note"]
    return {"index": index, "size": 12, "line": line, "leaf": "", "hashes": hashes, "note": note}


HOLD = {"name": "case-7", "reason": "case 7", "kind": None, "actor": None, "run_id": "r1", "since": None, "until": None}
ENTRY = {"index": 3, "kind": "denial", "at": None, "sha256": "00", "event": None}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", _AUDIT): {"entries": [ENTRY], "next_cursor": None},
    ("GET", f"{_AUDIT}/checkpoints"): {"checkpoints": [checkpoint(12), checkpoint(5)]},
    ("GET", f"{_AUDIT}/checkpoint"): checkpoint(5),
    ("GET", f"{_AUDIT}/lines"): lines(0, 12, None),
    ("GET", f"{_AUDIT}/key"): {"keys": [KEY.public.text]},
    ("GET", f"{_AUDIT}/proof"): proof(4),
    ("POST", f"{_AUDIT}/expire"): {"event_id": "act/1"},
    ("POST", f"{_AUDIT}/holds"): HOLD,
    ("GET", f"{_AUDIT}/holds"): {"holds": [HOLD]},
    ("DELETE", f"{_AUDIT}/holds/case-7"): None,
}
