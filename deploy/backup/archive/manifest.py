"""The manifest: what a backup is, and what each of its parts must be. JSON, written last: without it, no backup.

With a key the manifest carries an authentication code, so that nobody who can write to the place can change what a
restore believes. It is readable without the key: it names topics, tables and sizes, and holds no content.
"""

import hmac
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from deploy.backup.archive.parts import BackupKey, PartInfo
from deploy.backup.errors import DamagedBackup

FORMAT: Final = "1.0"
_MAJOR = "1."
NAME: Final = "manifest.json"
ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Records [start, end) of one partition. ``first`` is where the log began, ``end`` the cut.

    ``follows``: what is before ``start`` is in the parent. ``exact``: offsets have no gaps, so a restore keeps them.
    """

    first: int
    start: int
    end: int
    follows: bool = False
    parts: list[PartInfo] = []


class TopicCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. ``topic_id`` changes when it is made again; ``exact`` says that a restore gives the same offsets."""

    topic_id: str
    exact: bool
    partitions: dict[int, Slice]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The checkpoint of a table's partition, complete as of its marker. ``offset`` is of the table's input."""

    offset: int
    parts: list[PartInfo] = []


class GroupOffset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a group was in a partition, with the text that it keeps there."""

    offset: int
    note: str = ""


class TableCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One table of PostgreSQL: rows in the binary form of COPY, by columns in this order."""

    columns: list[str]
    rows: int
    parts: list[PartInfo] = []


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """One database in one snapshot. ``migrations`` are number and checksum; ``sequences`` the last values.

    ``partitions`` are those of partitioned tables: table, name and bound.
    """

    migrations: dict[int, str]
    tables: dict[str, TableCopy]
    sequences: dict[str, int] = {}
    partitions: list[tuple[str, str, str]] = []


class ObjectsCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Objects that the parent does not have, and the names of all."""

    count: int
    bytes: int
    parts: list[PartInfo] = []
    names: list[PartInfo] = []


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What the records of money in this backup say, each call once: see ``deploy.backup.archive.ledger``."""

    calls: int
    nano: int
    open_calls: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One backup. Times are milliseconds since 1970. ``spread_ms`` is how long it took to read the cut's offsets.

    ``checkpoints`` are by table and partition, ``groups`` by group, topic and partition. ``key_name`` names the key of
    a sealed backup. ``vault`` says whether the vault's rows were taken to a place of their own, which is not said here.
    """

    id: str
    parent: str = ""
    format: str = FORMAT
    began_at_ms: int
    cut_at_ms: int
    spread_ms: int
    took_s: float
    cluster_id: str
    partitions: int
    topics: dict[str, TopicCopy]
    checkpoints: dict[str, dict[int, Checkpoint]] = {}
    groups: dict[str, dict[str, dict[int, GroupOffset]]] = {}
    postgres: Rows
    objects: ObjectsCopy
    ledger: Ledger
    vault: bool = False
    key_name: str = ""

    def parts(self) -> Iterator[PartInfo]:
        """Yield every part."""
        for topic in self.topics.values():
            for one in topic.partitions.values():
                yield from one.parts
        for table in self.checkpoints.values():
            for checkpoint in table.values():
                yield from checkpoint.parts
        for rows in self.postgres.tables.values():
            yield from rows.parts
        yield from self.objects.parts
        yield from self.objects.names

    def records(self) -> int:
        """Return how many records of topics this backup holds by itself."""
        return sum(part.rows for topic in self.topics.values() for s in topic.partitions.values() for part in s.parts)

    def size(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.size for part in self.parts())


class _Signed(msgspec.Struct):
    manifest: msgspec.Raw
    mac: str = ""


def write(manifest: Manifest, key: BackupKey | None) -> bytes:
    """Return the manifest's file."""
    text = msgspec.json.encode(manifest)
    return msgspec.json.encode(_Signed(msgspec.Raw(text), "" if key is None else key.mac(text)))


def read(data: bytes, key: BackupKey | None, *, trusted: bool = True) -> Manifest:
    """Return a manifest. Raises ``DamagedBackup``; a key that is needed for parts is not needed for it.

    ``trusted``: refuse one whose authentication code is not the key's, or that is sealed when no key is given.
    """
    try:
        signed = msgspec.json.decode(data, type=_Signed)
        manifest = msgspec.json.decode(signed.manifest, type=Manifest)
    except msgspec.DecodeError as exc:
        raise DamagedBackup(f"the manifest cannot be read: {exc}") from exc
    if not manifest.format.startswith(_MAJOR):
        raise DamagedBackup(f"the manifest has the format {manifest.format}: use the newer version that wrote it")
    if not ID.fullmatch(manifest.id):
        raise DamagedBackup("the manifest names no backup")
    if trusted:
        _authentic(manifest, bytes(signed.manifest), signed.mac, key)
    return manifest


def _authentic(manifest: Manifest, text: bytes, mac: str, key: BackupKey | None) -> None:
    if key is None:
        if manifest.key_name:
            raise DamagedBackup(
                f"backup {manifest.id} is sealed by the key {manifest.key_name}: give it with --key-file"
            )
        return
    if not manifest.key_name:
        raise DamagedBackup(f"backup {manifest.id} is not sealed, although a key is given: it may be another's")
    if not hmac.compare_digest(mac, key.mac(text)):
        raise DamagedBackup(
            f"the manifest of {manifest.id} was changed, or is of the key {manifest.key_name} and not {key.name}"
        )
