"""Exports: an intact one is intact, and every kind of tampering is found."""

import random
from collections.abc import Callable

import msgspec
import pytest

from schemas.audit.entries import MAX_ENTRY_BYTES, entry_bytes, head_of, leaf_of
from schemas.audit.notes import Checkpoint, SigningKey
from schemas.audit.tree import root_of
from schemas.audit.verifying import BLOCK, EXPIRED, Manifest, verify
from schemas.errors import BadRecord
from schemas.records.definitions import AuditEvent

KEY = SigningKey("example.test/audit", bytes(range(32)))
ORIGIN = "example.test/audit/acme"
SIZES = (10, 25, 40)


def event(number: int, action: str = "keys.create", **more: object) -> AuditEvent:
    return AuditEvent(
        event_id=f"e{number}", org_id="acme", actor="key:1", action=action, subject=f"s{number}", decision="allowed",
        at_ms=1_000 + number, **more,
    )  # type: ignore[arg-type]  # fmt: skip


def signed(lines: list[bytes], size: int) -> str:
    leaves = []
    for index, line in enumerate(lines[:size]):
        found = msgspec.json.decode(line)
        leaves.append(leaf_of(head_of(index, found.get("kind", "admin"), found["at_ms"], line)))
    return KEY.signed(Checkpoint(ORIGIN, size, root_of(leaves), 5_000 + size).text)


def exported(lines: list[bytes], sizes: tuple[int, ...] = SIZES) -> list[bytes]:
    manifest = Manifest(ORIGIN, [signed(lines, size) for size in sizes])
    return [msgspec.json.encode(manifest) + b"\n", *(line + b"\n" for line in lines)]


LINES = [entry_bytes(event(number, kind="denial" if number % 3 else "admin")) for number in range(40)]
EXPORT = exported(LINES)


def kinds(lines: list[bytes], kept: list[str] | None = None) -> set[str]:
    return {finding.what for finding in verify(lines, [KEY.public], kept or []).findings}


def test_an_intact_export_is_intact() -> None:
    result = verify(EXPORT, [KEY.public])
    assert result.findings == []
    assert (result.entries, result.removed, result.checkpoints) == (40, 0, 3)
    assert result.newest is not None
    assert result.root == result.newest.root
    assert verify(exported(LINES[:0], (0,)), [KEY.public]).intact


def test_canonical_bytes_have_sorted_names_and_no_defaults() -> None:
    assert LINES[0] == (
        b'{"action":"keys.create","actor":"key:1","at_ms":1000,"decision":"allowed","event_id":"e0","org_id":"acme",'
        b'"subject":"s0","type":"audit.event","v":"1.0"}'
    )


def test_an_event_that_is_too_large_is_no_entry() -> None:
    with pytest.raises(BadRecord, match="over"):
        entry_bytes(event(1, reason="x" * MAX_ENTRY_BYTES))


def _flip(lines: list[bytes], at: int) -> list[bytes]:
    line = bytearray(lines[at])
    place = line.index(b"s%d" % (at - 1))
    line[place] ^= 1
    return [*lines[:at], bytes(line), *lines[at + 1 :]]


TAMPERINGS: dict[str, Callable[[list[bytes], int], list[bytes]]] = {
    "bit": _flip,
    "drop": lambda lines, at: [*lines[:at], *lines[at + 1 :]],
    "double": lambda lines, at: [*lines[:at], lines[at], *lines[at:]],
    "swap": lambda lines, at: [*lines[: at - 1], lines[at], lines[at - 1], *lines[at + 1 :]],
    "insert": lambda lines, at: [*lines[:at], entry_bytes(event(99)) + b"\n", *lines[at:]],
    "truncate": lambda lines, at: lines[:at],
    "extend": lambda lines, _: [*lines, entry_bytes(event(99)) + b"\n"],
    "fork": lambda lines, at: [*lines[:at], *(entry_bytes(event(number + 500)) + b"\n" for number in range(41 - at))],
    "removed": lambda lines, at: [
        *lines[:at],
        b'{"removed":' + msgspec.json.encode(_head(lines, at)) + b"}\n",
        *lines[at + 1 :],
    ],
}


def _head(lines: list[bytes], at: int) -> object:
    line = lines[at][:-1]
    found = msgspec.json.decode(line)
    return head_of(at - 1, found.get("kind", "admin"), found["at_ms"], line)


@pytest.mark.parametrize("how", TAMPERINGS)
def test_each_tampering_is_found(how: str) -> None:
    choose = random.Random(how)
    for _ in range(20):
        assert kinds(TAMPERINGS[how](EXPORT, choose.randint(2, 40))), how


def test_the_checkpoints_say_where() -> None:
    (finding,) = verify(_flip(EXPORT, 20), [KEY.public]).findings
    assert (finding.what, finding.index) == ("root", 25)
    assert "10 to 24" in finding.message


def test_a_cut_at_an_older_checkpoint_needs_one_that_was_kept() -> None:
    cut = exported(LINES[:25], (10, 25))
    assert verify(cut, [KEY.public]).intact
    assert kinds(cut, [signed(LINES, 40)]) == {"truncated"}


def test_a_fork_that_the_key_signed_needs_a_checkpoint_that_was_kept() -> None:
    fork = exported([*LINES[:30], *(entry_bytes(event(number)) for number in range(600, 610))])
    assert verify(fork, [KEY.public]).intact
    assert kinds(fork, [signed(LINES, 40)]) == {"root"}


def test_another_key_or_another_log_is_not_trusted() -> None:
    other = SigningKey("example.test/audit", bytes(32))
    assert {finding.what for finding in verify(EXPORT, [other.public]).findings} == {"signature", "unsigned"}
    note = KEY.signed(Checkpoint("example.test/audit/evil", 40, bytes(32), 1).text)
    manifest = msgspec.json.encode(Manifest("example.test/audit/acme", [note]))
    assert kinds([manifest, *EXPORT[1:]]) == {"origin", "unsigned"}


@pytest.mark.parametrize(
    "first", [b"", b"{}", b'{"origin":"o","checkpoints":[]}', b'{"origin":"o","checkpoints":["x"],"export":2}']
)
def test_what_is_no_export_is_unreadable(first: bytes) -> None:
    assert kinds([first]) == {"unreadable"}


def test_what_retention_removed_is_missing_lawfully() -> None:
    said = event(41, EXPIRED, details={"kind": "denial", "before_ms": "1010"})
    lines = [*LINES, entry_bytes(said)]
    whole = exported(lines, (41,))
    kept = [TAMPERINGS["removed"](whole, at)[at] for at in range(1, 42)]
    old_denials = [kept[at] if at % 3 and at < 10 else line for at, line in enumerate(whole[1:])]
    result = verify([whole[0], *old_denials], [KEY.public])
    assert result.intact
    assert result.removed == 6
    assert kinds([whole[0], kept[0], *whole[2:]]) == {"removed"}, "an act of an administrator is no denial"
    assert kinds([whole[0], *whole[1:11], kept[10], *whole[12:]]) == {"removed"}, "it was not old enough"
    elsewhere = kept[0].replace(b'"index":0', b'"index":3')
    assert "removed" in kinds([whole[0], *whole[1:4], elsewhere, *whole[5:]])


def test_checkpoints_at_the_edges_of_blocks() -> None:
    lines = [entry_bytes(event(number)) for number in range(3 * BLOCK + 5)]
    sizes = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, 3 * BLOCK + 5)
    result = verify(exported(lines, sizes), [KEY.public])
    assert result.findings == []
    assert (result.entries, result.checkpoints) == (len(lines), len(sizes))
    assert result.newest is not None
    assert result.root == result.newest.root
    for at in (1, BLOCK, 2 * BLOCK + 1, 3 * BLOCK + 4):
        assert kinds(_flip(exported(lines, sizes), at)) == {"root"}
