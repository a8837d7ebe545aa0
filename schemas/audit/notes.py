"""Signed notes, and the checkpoints in them: what a log vouches for at a time.

Source: C2SP ``signed-note`` and ``tlog-checkpoint``, version 1. A note is text that ends with a newline, an empty line,
and lines of signatures: ``— <name> <base64 of key id and signature>``. The key id is the first four bytes of
SHA-256(name, newline, 0x01, public key); 0x01 is Ed25519 (RFC 8032). A checkpoint is a note of three lines: the log's
origin, its size, and its root in base64. Ours have a fourth one, ``time <milliseconds since 1970>``.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.audit.tree import HASH_BYTES

_ED25519 = b"\x01"
_ID_BYTES = 4
_SIGNATURE_BYTES = 64
_NAME = re.compile(r"[^\s+]{1,200}")
_SIGNATURE = re.compile(r"— (\S+) (\S+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME = re.compile(r"time (0|[1-9][0-9]{0,15})")


class BadNote(ValueError):
    """A note that cannot be read, or is not signed by the key that it must be signed by."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log vouches for: the root over its first ``size`` entries, at a time in ms."""

    origin: str
    size: int
    root: bytes
    at_ms: int

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\ntime {self.at_ms}\n"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the checkpoint of a note's text. Raises ``BadNote``. Unknown lines are left to those who know them."""
        origin, size, root, *others = [*text.split("\n"), "", ""]
        times = [match[1] for line in others if (match := _TIME.fullmatch(line))]
        if not origin or not _SIZE.fullmatch(size) or len(times) != 1:
            raise BadNote("this is no checkpoint of an audit log: it needs an origin, a size, a root and a time")
        return cls(origin, int(size), _hash(root), int(times[0]))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies notes, and its name."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature's line names the key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as people keep it: ``<name>+<key id>+<base64>``."""
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.raw)}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the key of such a text. Raises ``BadNote``."""
        name, _, rest = text.strip().partition("+")
        key_id, _, data = rest.partition("+")
        raw = _bytes(data)
        if not _NAME.fullmatch(name) or len(raw) != 1 + HASH_BYTES or raw[:1] != _ED25519:
            raise BadNote("this is no public key of an audit log: it is <name>+<8 hex digits>+<base64>")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise BadNote("the key does not fit its own id; copy it again")
        return key

    def verified(self, note: str) -> str:
        """Return the text of a note that this key signed. Raises ``BadNote``."""
        text, signatures = _parts(note)
        for name, data in signatures:
            if name == self.name and data[:_ID_BYTES] == self.id and len(data) == _ID_BYTES + _SIGNATURE_BYTES:
                try:
                    Ed25519PublicKey.from_public_bytes(self.raw).verify(data[_ID_BYTES:], text.encode())
                except (InvalidSignature, ValueError):
                    raise BadNote(f"the signature of {self.name} is not of this text") from None
                return text
        raise BadNote(f"the note is not signed by {self.name} with the key {self.id.hex()}")


class SigningKey:
    """A key that signs notes; ``seed`` is its secret of 32 bytes. Signatures are the same each time (RFC 8032)."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise BadNote("a key's name has no spaces and no '+'")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(name, self._key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.text})"

    def signed(self, text: str) -> str:
        """Return the note of a text that ends with a newline."""
        if not text.endswith("\n"):
            raise BadNote("a note's text ends with a newline")
        return f"{text}\n— {self.public.name} {_base64(self.public.id + self._key.sign(text.encode()))}\n"


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a note's text and its signatures: names, and key ids with what they signed."""
    text, found, rest = note.rpartition("\n\n")
    lines = rest.split("\n")
    matches = [_SIGNATURE.fullmatch(line) for line in lines[:-1]]
    if not found or not matches or lines[-1] or not all(matches):
        raise BadNote("this is no signed note: after the text comes an empty line, and then signatures")
    return f"{text}\n", [(match[1], _bytes(match[2])) for match in matches if match]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("a part of the note is no base64") from None


def _hash(text: str) -> bytes:
    found = _bytes(text)
    if len(found) != HASH_BYTES or _base64(found) != text:
        raise BadNote("the root of a checkpoint has 32 bytes in base64")
    return found
