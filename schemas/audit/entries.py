"""What an entry of the log is: an event's canonical bytes, and the leaf that commits to them.

Canonical bytes are JSON in UTF-8 with sorted names and no spaces, without what has its default. The leaf is not over
these but over four lines: index, kind, time in ms, and the SHA-256 of the bytes in hex. So an entry whose retention is
over can lose its bytes and keep its place: that it was of its kind and that old is still shown, and all proofs hold.
"""

from hashlib import sha256

import msgspec
from msgspec import Struct

from schemas.audit.tree import leaf_hash
from schemas.errors import BadRecord
from schemas.records.definitions import AuditEvent

_ENCODER = msgspec.json.Encoder(order="sorted")
#: An entry, its kind and its time must fit into one record with some room.
MAX_ENTRY_BYTES = 768 * 1024


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """What a leaf says of its entry. ``sha256`` is of the entry's bytes, in hex."""

    index: int
    kind: str
    at_ms: int
    sha256: str


def entry_bytes(event: AuditEvent) -> bytes:
    """Return an event's canonical bytes. Raises ``BadRecord`` for one that is too large, or no text."""
    try:
        data = _ENCODER.encode(event)
    except UnicodeEncodeError:
        raise BadRecord("text", f"audit event {event.event_id!r} has text that is no Unicode") from None
    if len(data) > MAX_ENTRY_BYTES:
        raise BadRecord("too_large", f"audit event {event.event_id!r} has {len(data)} bytes, over {MAX_ENTRY_BYTES}")
    return data


def head_of(index: int, kind: str, at_ms: int, data: bytes) -> Head:
    """Return the head of entry ``index`` with these bytes."""
    return Head(index, kind, at_ms, sha256(data).hexdigest())


def leaf_of(head: Head) -> bytes:
    """Return the hash of the leaf of an entry."""
    return leaf_at(head.index, head.kind, head.at_ms, head.sha256)


def leaf_at(index: int, kind: str, at_ms: int, digest: str) -> bytes:
    """Return the hash of the leaf of an entry whose bytes have this SHA-256, in hex."""
    return leaf_hash(f"{index}\n{kind}\n{at_ms}\n{digest}\n".encode())
