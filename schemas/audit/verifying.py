"""Exports of an audit log, and what is wrong with them: nothing but the file and the public key is needed.

An export is lines of JSON: first a ``Manifest``, then the log from its first entry to the manifest's newest checkpoint.
A line is an entry's bytes as they were signed for, so that nothing is written again to be checked; or
``{"removed": <head>}`` where retention took the bytes. Retention is itself an entry, ``EXPIRED``, without which no
entry may be missing.

The log's root must be that of each signed checkpoint at its size: so a changed bit, an entry that is left out, doubled,
inserted or moved, and a wrong count are found, and between which checkpoints. That a log was cut at an older
checkpoint, or forked and signed again with the key, is found with a checkpoint that somebody kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from schemas.audit.entries import Head, leaf_at, leaf_of
from schemas.audit.notes import BadNote, Checkpoint, PublicKey
from schemas.audit.tree import EMPTY, Frontier, appended, frontier_of, root_of, root_of_frontier

#: The action of the entry that says what retention removed: ``details`` has ``kind`` and ``before_ms``.
EXPIRED: Final = "audit.expired"
REMOVED: Final = b'{"removed":'
#: After so many findings the rest is not listed.
MOST_FINDINGS = 20
#: Nodes are hashed for so many leaves at once, a power of two: level by level that takes half the time.
BLOCK = 1_024


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an export: the log's origin and some of its signed checkpoints, the newest last."""

    origin: str
    checkpoints: list[str]
    export: int = 1


class _Removed(Struct, frozen=True, forbid_unknown_fields=True):
    removed: Head


class _Entry(Struct, frozen=True, gc=False):
    """The part of an entry that is checked. The defaults are those of ``AuditEvent``."""

    at_ms: int
    action: str
    kind: str = "admin"
    details: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. ``index`` is the entry, or the size of the checkpoint, that shows it."""

    what: str
    message: str
    index: int | None = None


@dataclass(slots=True)
class Verified:
    """What was read, and what is wrong with it."""

    entries: int = 0
    removed: int = 0
    checkpoints: int = 0
    root: bytes = b""
    newest: Checkpoint | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def found(self, what: str, message: str, index: int | None = None) -> None:
        """Add a finding; there are at most ``MOST_FINDINGS``."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(what, message, index))


_MANIFEST = msgspec.json.Decoder(Manifest)
_ENTRY = msgspec.json.Decoder(_Entry)
_REMOVED = msgspec.json.Decoder(_Removed)


def verify(lines: Iterable[bytes], keys: Sequence[PublicKey], kept: Iterable[str] = ()) -> Verified:
    """Return what is wrong with the lines of an export.

    ``keys`` are those that the verifier trusts, more than one after a rotation; ``kept`` are checkpoints from before.
    """
    result = Verified()
    rest = iter(lines)
    manifest = _manifest(next(rest, b""), result)
    if manifest is None:
        return result
    expected = _checkpoints(manifest, keys, list(kept), result)
    roots = _Roots({checkpoint.size for checkpoint in expected})
    for leaf in _leaves(rest, result):
        roots.append(leaf)
        if roots.full():
            roots.end()
    roots.end()
    result.entries, result.root = roots.size, roots.root
    _compare(expected, roots, result)
    return result


def verified_by(keys: Sequence[PublicKey], note: str) -> str:
    """Return the text of a note that one of the keys signed. Raises ``BadNote``."""
    refused = BadNote("there is no public key to verify it with")
    for key in keys:
        try:
            return key.verified(note)
        except BadNote as exc:
            refused = exc
    raise refused


def line_leaf(index: int, line: bytes) -> bytes:
    """Return the leaf of an entry as an export has it. Raises ``ValueError`` for what is none."""
    if line.startswith(REMOVED):
        head = _REMOVED.decode(line).removed
        return leaf_of(Head(index, head.kind, head.at_ms, head.sha256))
    entry = _ENTRY.decode(line)
    return leaf_at(index, entry.kind, entry.at_ms, sha256(line).hexdigest())


class _Roots:
    """The roots of a log at the sizes that are checked, as it is read."""

    def __init__(self, sizes: set[int]) -> None:
        self._sizes = sorted(sizes)
        self._frontier: Frontier = ()
        self._blocks = 0
        self._leaves: list[bytes] = []
        #: Called for every leaf.
        self.append = self._leaves.append
        self.size = 0
        self.root = EMPTY
        self.at: dict[int, bytes] = {}

    def full(self) -> bool:
        """Return whether the block is to be ended."""
        return len(self._leaves) >= BLOCK

    def end(self) -> None:
        """End a block. A whole one is a perfect subtree: so a frontier is that of blocks and that of the rest."""
        start, leaves = self.size, self._leaves
        while self._sizes and self._sizes[0] <= start + len(leaves):
            size = self._sizes.pop(0)
            self.at[size] = root_of_frontier(self._frontier + frontier_of(leaves[: size - start]))
        self.size = start + len(leaves)
        if len(leaves) == BLOCK:
            self._frontier, _ = appended(self._frontier, self._blocks, root_of(leaves))
            self._blocks += 1
            self.root = root_of_frontier(self._frontier)
        else:
            self.root = root_of_frontier(self._frontier + frontier_of(leaves))
        leaves.clear()


def _manifest(line: bytes, result: Verified) -> Manifest | None:
    try:
        manifest = _MANIFEST.decode(line)
    except msgspec.MsgspecError as exc:
        result.found("unreadable", f"the first line is no manifest of an export: {exc}")
        return None
    if manifest.export != 1 or not manifest.checkpoints:
        result.found("unreadable", "the export is of another version, or without a checkpoint")
        return None
    return manifest


def _checkpoints(manifest: Manifest, keys: Sequence[PublicKey], kept: list[str], result: Verified) -> list[Checkpoint]:
    """Return the checkpoints that the log must meet, the smallest first."""
    found = []
    for place, note in enumerate([*manifest.checkpoints, *kept]):
        own = place < len(manifest.checkpoints)
        try:
            checkpoint = Checkpoint.read(verified_by(keys, note))
        except BadNote as exc:
            result.found("signature", f"{'a checkpoint' if own else 'a kept checkpoint'} cannot be trusted: {exc}")
            continue
        named = any(checkpoint.origin.startswith(f"{key.name}/") for key in keys)
        if checkpoint.origin != manifest.origin or not named:
            result.found("origin", f"a checkpoint is of {checkpoint.origin!r}, not of this log", checkpoint.size)
            continue
        found.append(checkpoint)
        if own and (result.newest is None or checkpoint.size > result.newest.size):
            result.newest = checkpoint
    result.checkpoints = len(found)
    return sorted(found, key=lambda one: (one.size, one.at_ms))


def _leaves(lines: Iterator[bytes], result: Verified) -> Iterator[bytes]:
    """Yield the leaf of each line. A removed entry needs a later one that says so."""
    missing: list[Head] = []
    expiries: list[tuple[int, _Entry]] = []
    for index, raw in enumerate(lines):
        line = raw.rstrip(b"\n")
        try:
            if line.startswith(REMOVED):
                head = _REMOVED.decode(line).removed
                if head.index != index:
                    result.found("removed", f"entry {index} is said to be entry {head.index}", index)
                missing.append(head)
                yield leaf_of(Head(index, head.kind, head.at_ms, head.sha256))
                continue
            entry = _ENTRY.decode(line)
        except (msgspec.MsgspecError, UnicodeError) as exc:
            result.found("unreadable", f"entry {index} cannot be read: {exc}", index)
            yield leaf_of(Head(index, "", 0, sha256(line).hexdigest()))
            continue
        if entry.action == EXPIRED:
            expiries.append((index, entry))
        yield leaf_at(index, entry.kind, entry.at_ms, sha256(line).hexdigest())
    result.removed = len(missing)
    for head in missing:
        if not any(_covers(index, entry, head) for index, entry in expiries):
            result.found("removed", f"entry {head.index} is missing, and no entry says that it expired", head.index)


def _covers(index: int, said: _Entry, head: Head) -> bool:
    """Return whether an entry says that another one is over. What had not happened yet then, was not."""
    details = said.details or {}
    before = details.get("before_ms", "")
    in_time = before.isdecimal() and head.at_ms < min(int(before), said.at_ms)
    return in_time and said.kind == "admin" and details.get("kind") == head.kind and head.index < index


def _compare(expected: list[Checkpoint], roots: _Roots, result: Verified) -> None:
    """Compare the log with its checkpoints, and name the first that it does not meet."""
    agreed = 0
    for checkpoint in expected:
        if checkpoint.size > roots.size:
            message = f"a checkpoint is over {checkpoint.size} entries, but the log has only {roots.size}"
            result.found("truncated", message, checkpoint.size)
        elif roots.at[checkpoint.size] != checkpoint.root:
            message = f"entries {agreed} to {checkpoint.size - 1} are not what was signed: changed, moved or exchanged"
            result.found("root", message, checkpoint.size)
            break
        else:
            agreed = checkpoint.size
    if result.newest is None:
        result.found("unsigned", "the export has no checkpoint that this key signed")
    elif roots.size > result.newest.size:
        message = f"the log has {roots.size} entries, but the newest checkpoint is over {result.newest.size}"
        result.found("unsigned", message, result.newest.size)
