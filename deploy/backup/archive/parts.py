"""Parts: the files of a backup. A part is a list of rows, compressed, and sealed if there is a key.

    magic ``AFBP`` (4) | form (1): 0 plain, 1 sealed | body

The body is zlib (RFC 1950) of MessagePack; sealed it is AES-256-GCM-SIV as ``connectors.kms.sealing`` writes it, bound
to the backup and the part's name, so a part that was moved or renamed does not open. Its SHA-256 and size, of the bytes
as they are stored, are in the manifest: a part is checked without the key.
"""

import hashlib
import hmac
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import GenericAlias
from typing import Final, NamedTuple, TypeVar

import msgspec

from connectors.kms.sealing import Cipher, UnreadableError
from connectors.ports.archive import LogRow
from deploy.backup.errors import BackupRefused, DamagedBackup

T = TypeVar("T")

MAGIC: Final = b"AFBP"
_PLAIN, _SEALED = b"\x00", b"\x01"
_HEAD = len(MAGIC) + 1
#: Fast: JSON shrinks to about a fifth, and higher levels cost several times the time for a tenth more.
LEVEL: Final = 1
#: Raw bytes after which a part is closed; it is held in memory some times.
PART_BYTES: Final = 8 * 1024 * 1024
#: A part that claims more was made to exhaust memory. Rows of one object may have 64 MiB.
RAW_MOST: Final = 256 * 1024 * 1024
KEY_LEAST: Final = 32


class ObjectRow(NamedTuple):
    """One stored object: ``<organisation>/<two letters>/<sha256>`` and its bytes."""

    name: str
    data: bytes


class PartInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the manifest says of a part. ``first``, ``last`` and times are of records, both ends included."""

    name: str
    sha256: str
    size: int
    rows: int
    first: int = 0
    last: int = -1
    first_ms: int = 0
    last_ms: int = 0


@dataclass(frozen=True)
class BackupKey:
    """A key of an operator, from a file. ``name`` tells keys apart and reveals nothing of them."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Eight hex digits."""
        return self._derived(b"name").hex()[:8]

    @property
    def cipher(self) -> Cipher:
        """What seals parts."""
        return Cipher(self._derived(b"parts"))

    def mac(self, text: bytes) -> str:
        """Return the authentication code of a manifest, in hex."""
        return hmac.digest(self._derived(b"manifest"), text, "sha256").hex()

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self.secret, b"agentflow backup " + purpose, "sha256")


def read_key(path: Path | None) -> BackupKey | None:
    """Return the key of a file, ``None`` without one. Raises ``BackupRefused``."""
    if path is None:
        return None
    try:
        secret = path.read_bytes().strip()
    except OSError as exc:
        raise BackupRefused(f"the key file {path} cannot be read: {exc.strerror}") from exc
    if len(secret) < KEY_LEAST:
        raise BackupRefused(
            f"the key file {path} has {len(secret)} bytes, {KEY_LEAST} are the least: openssl rand -base64 48 > {path}"
        )
    return BackupKey(secret)


class Codec:
    """Writes and reads parts of one backup. ``key`` is that of sealed backups."""

    def __init__(self, backup_id: str, key: BackupKey | None) -> None:
        self._id = backup_id
        self._cipher = None if key is None else key.cipher

    def pack(self, name: str, rows: Sequence[object]) -> bytes:
        """Return the bytes of a part."""
        body = zlib.compress(msgspec.msgpack.encode(rows), LEVEL)
        if self._cipher is None:
            return MAGIC + _PLAIN + body
        return MAGIC + _SEALED + self._cipher.seal(body, self._place(name))

    def unpack(self, name: str, data: bytes, kind: type[T]) -> list[T]:
        """Return the rows of a part. Raises ``DamagedBackup`` for what is not one, or needs another key."""
        if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : _HEAD] not in (_PLAIN, _SEALED):
            raise DamagedBackup(f"{name} is not a part of a backup of this version")
        try:
            raw = _inflate(self._body(name, data))
            rows: list[T] = msgspec.msgpack.Decoder(GenericAlias(list, (kind,))).decode(raw)
            return rows
        except (zlib.error, msgspec.DecodeError, UnreadableError) as exc:
            raise DamagedBackup(f"{name} does not open: another key, or it was changed") from exc

    def _body(self, name: str, data: bytes) -> bytes:
        body = data[_HEAD:]
        if data[len(MAGIC) : _HEAD] == _PLAIN:
            return body
        if self._cipher is None:
            raise DamagedBackup(f"{name} is sealed: give the backup's key with --key-file")
        return self._cipher.open(body, self._place(name))

    def _place(self, name: str) -> bytes:
        return f"{self._id}\0{name}".encode()


def info_of(name: str, data: bytes, rows: int) -> PartInfo:
    """Return what the manifest says of a part that holds no records."""
    return PartInfo(name=name, sha256=sha256(data), size=len(data), rows=rows)


def records_info(name: str, data: bytes, rows: Sequence[LogRow]) -> PartInfo:
    """Return what the manifest says of a part of records, of which there is one at least."""
    times = [row.at_ms for row in rows]
    return PartInfo(
        name=name,
        sha256=sha256(data),
        size=len(data),
        rows=len(rows),
        first=rows[0].offset,
        last=rows[-1].offset,
        first_ms=min(times),
        last_ms=max(times),
    )


def fault_of(info: PartInfo, data: bytes | None) -> str:
    """Return what is wrong with a part as it is stored; nothing if it is as the manifest says."""
    if data is None:
        return f"{info.name} is missing"
    if len(data) != info.size:
        return f"{info.name} has {len(data)} bytes, and had {info.size}"
    return "" if sha256(data) == info.sha256 else f"{info.name} was changed: its SHA-256 differs"


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _inflate(body: bytes) -> bytes:
    machine = zlib.decompressobj()
    raw = machine.decompress(body, RAW_MOST)
    if machine.unconsumed_tail or not machine.eof:
        raise zlib.error("too large, or cut short")
    return raw
