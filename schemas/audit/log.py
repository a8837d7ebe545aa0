"""What is stored of an audit log: where it stands, its entries, and what one write changes."""

from msgspec import Struct

from schemas.audit.tree import NO_CHAIN, Frontier
from schemas.records.definitions import AuditEvent


class LogHead(Struct, frozen=True):
    """Where a log stands: as much as appending to it needs.

    ``chain`` is the hash chain over all leaves. ``at_ms`` is the time of the newest record. The newest checkpoint is
    over ``signed`` entries, 0 before the first; the newest that is kept for ever over ``kept`` entries, at ``kept_ms``.
    """

    size: int = 0
    frontier: Frontier = ()
    chain: bytes = NO_CHAIN
    at_ms: int = 0
    signed: int = 0
    kept: int = 0
    kept_ms: int = 0


class LogEntry(Struct, frozen=True):
    """An entry as it is stored. ``nodes`` are the roots of subtrees that it completes, see ``schemas.audit.tree``."""

    index: int
    event: AuditEvent
    data: bytes
    sha256: bytes
    leaf: bytes
    nodes: tuple[bytes, ...] = ()


class SignedCheckpoint(Struct, frozen=True):
    """A checkpoint as it is stored: the note, and its size and time again, by which it is found."""

    size: int
    at_ms: int
    note: str


class Expiry(Struct, frozen=True):
    """What an entry of the log removes: the bytes of entries of a kind from before a time, and before ``index``."""

    index: int
    kind: str
    before_ms: int


class LogChange(Struct, frozen=True):
    """What one write changes in one log, all of it or nothing.

    ``replaces`` is the size of the checkpoint that the new one stands for from now on, 0 when all stay.
    """

    org_id: str
    head: LogHead
    entries: list[LogEntry]
    checkpoint: SignedCheckpoint | None = None
    replaces: int = 0
    expiries: list[Expiry] = []
