"""The evidence of a report: a part of an audit log between two signed checkpoints, complete by construction.

``before`` is a checkpoint from before the period, ``frontier`` the roots of the perfect subtrees of all entries up to
it, ``lines`` every entry from there to ``after``, a checkpoint from behind the period, as exports have them. The
frontier must have the root of ``before``, and with all lines the root of ``after``: so no entry between the two can be
missing, changed, added or moved. A log that is younger than the period has no ``before``, and its lines begin with its
first entry.

``earlier`` are entries from before ``before``, each with the path to the root of ``after``. ``request`` is the entry
that the report was made for, in the log of ``newest``, of which that of ``after`` is the beginning (``consistency``):
it names the period and the earlier entries, so that none of these can be left out.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Struct

from schemas.audit.notes import BadNote, Checkpoint, PublicKey
from schemas.audit.proofs import is_consistent, is_included, perfect_parts
from schemas.audit.tree import EMPTY, Frontier, appended, root_of_frontier
from schemas.audit.verifying import REMOVED, line_leaf, verified_by
from schemas.compliance.counting import Entry
from schemas.compliance.statements import Found, Head
from schemas.records.definitions import AuditEvent

#: Bytes of lines that are read of a report: it may come from anybody.
MAX_BYTES: Final = 1 << 30
_LEVEL: Final = 6


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry with the hashes, in base64, that lead to the root of the newer checkpoint."""

    index: int
    line: str
    hashes: list[str]


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. Hashes are in base64, ``lines`` are compressed by zlib, in base64."""

    before: str
    frontier: list[str]
    after: str
    lines: str
    newest: str
    consistency: list[str]
    request: Proof
    earlier: list[Proof] = []


class Proven(Struct, frozen=True):
    """Evidence that holds. ``before`` is ``None`` where the log begins within it."""

    before: Checkpoint | None
    after: Checkpoint
    newest: Checkpoint
    found: Found
    request: Entry


class Unproven(ValueError):
    """Evidence that does not hold. ``what`` names the part."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class _Removed(Struct, frozen=True):
    removed: Head


_EVENT = msgspec.json.Decoder(AuditEvent)
_REMOVED = msgspec.json.Decoder(_Removed)


def packed(lines: Iterable[bytes]) -> str:
    """Return lines as evidence carries them."""
    packer = zlib.compressobj(_LEVEL)
    parts = [packer.compress(line + b"\n") for line in lines]
    return base64.b64encode(b"".join([*parts, packer.flush()])).decode()


def proven(evidence: Evidence, keys: Sequence[PublicKey]) -> Proven:
    """Return what evidence shows, verified with keys that are trusted. Raises ``Unproven``."""
    after = _checkpoint(evidence.after, keys, "the checkpoint behind the period")
    newest = _checkpoint(evidence.newest, keys, "the newest checkpoint")
    before = _checkpoint(evidence.before, keys, "the checkpoint before the period") if evidence.before else None
    _in_order([*([before] if before else []), after, newest], evidence)
    frontier, size = _frontier(evidence, before)
    entries: list[Entry] = []
    removed: list[Head] = []
    for line in _unpacked(evidence.lines):
        frontier, _ = appended(frontier, size, _leaf(size, line))
        one = _read(size, line)
        if isinstance(one, Entry):
            entries.append(one)
        else:
            removed.append(one)
        size += 1
    if size != after.size or (root_of_frontier(frontier) if size else EMPTY) != after.root:
        raise Unproven("entries", "the entries are not those that were signed for: changed, added or missing")
    earlier = [_shown(one, after) for one in evidence.earlier]
    if any(one.index >= (before.size if before else 0) for one in earlier):
        raise Unproven("earlier", "an entry that is said to be earlier is none from before the period")
    return Proven(before, after, newest, Found(entries, removed, earlier), _shown(evidence.request, newest))


def _checkpoint(note: str, keys: Sequence[PublicKey], what: str) -> Checkpoint:
    try:
        found = Checkpoint.read(verified_by(keys, note))
    except BadNote as exc:
        raise Unproven("signature", f"{what} cannot be trusted: {exc}") from exc
    if not any(found.origin.startswith(f"{key.name}/") for key in keys):
        raise Unproven("origin", f"{what} is of {found.origin!r}, which this key does not sign for")
    return found


def _in_order(checkpoints: Sequence[Checkpoint], evidence: Evidence) -> None:
    """Raise ``Unproven`` unless checkpoints are of one log, each the beginning of the next."""
    pairs = list(pairwise(checkpoints))
    if any(old.origin != new.origin or old.size > new.size for old, new in pairs):
        raise Unproven("checkpoint", "the checkpoints are not of one log, in this order")
    after, newest = checkpoints[-2:]
    hashes = list(map(_hash, evidence.consistency))
    if not is_consistent(after.size, after.root, newest.size, newest.root, hashes):
        raise Unproven("consistency", "the log of the period is not the beginning of the log when the report was made")


def _frontier(evidence: Evidence, before: Checkpoint | None) -> tuple[Frontier, int]:
    if before is None:
        if evidence.frontier:
            raise Unproven("frontier", "there are entries before the first one, and no checkpoint over them")
        return (), 0
    frontier = tuple(map(_hash, evidence.frontier))
    if len(frontier) != len(perfect_parts(0, before.size)) or root_of_frontier(frontier) != before.root:
        raise Unproven("frontier", "the entries before the period are not those that were signed for")
    return frontier, before.size


def _unpacked(text: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(_bytes(text, "the list of entries"), MAX_BYTES)
    except zlib.error as exc:
        raise Unproven("entries", f"the entries cannot be read: {exc}") from exc
    if unpacker.unconsumed_tail or not unpacker.eof or unpacker.unused_data:
        raise Unproven("entries", "the entries are cut, or larger than a report may be")
    if data and not data.endswith(b"\n"):
        raise Unproven("entries", "the last entry is cut")
    yield from data.split(b"\n")[:-1]


def _leaf(index: int, line: bytes) -> bytes:
    try:
        return line_leaf(index, line)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise Unproven("entries", f"entry {index} cannot be read: {exc}") from exc


def _read(index: int, line: bytes) -> Entry | Head:
    try:
        if line.startswith(REMOVED):
            return _REMOVED.decode(line).removed
        return Entry(index, _EVENT.decode(line))
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise Unproven("entries", f"entry {index} cannot be read: {exc}") from exc


def _shown(proof: Proof, checkpoint: Checkpoint) -> Entry:
    """Return an entry that is in the log of a checkpoint. Raises ``Unproven``."""
    line, hashes = proof.line.encode(), [_hash(one) for one in proof.hashes]
    one = _read(proof.index, line)
    if not isinstance(one, Entry):
        raise Unproven("proof", f"retention removed what entry {proof.index} said")
    if not is_included(_leaf(proof.index, line), proof.index, checkpoint.size, hashes, checkpoint.root):
        raise Unproven("proof", f"entry {proof.index} is not in the log that was signed for")
    return one


def _hash(text: str) -> bytes:
    return _bytes(text, "a hash")


def _bytes(text: str, what: str) -> bytes:
    """Return the bytes of base64, in the one form that they have. Raises ``Unproven``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Unproven("form", f"{what} is no base64") from exc
    if base64.b64encode(data).decode() != text:
        raise Unproven("form", f"{what} is no canonical base64")
    return data
