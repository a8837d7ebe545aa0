"""The vault's rows in a place of their own: keys of persons are never kept beside the data that they open.

    <backup>/keys.json    what there is, with hashes
    <backup>/postgres/…   rows of the vault's tables

They are wrapped by the master key (``VAULT_KEY``), which is in no backup.
"""

import msgspec

from connectors.postgres.copying import snapshot
from deploy.backup.archive.manifest import ID, Rows
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import Place
from deploy.backup.archive.store import PartWriter
from deploy.backup.errors import DamagedBackup
from deploy.backup.taking.rows import is_vault, take_rows
from schemas.clock import now_ms

NAME = "keys.json"


class VaultCopy(msgspec.Struct, frozen=True, kw_only=True):
    """The vault's rows as of a time."""

    id: str
    taken_at_ms: int
    rows: Rows


async def take_vault(dsn: str, place: Place, backup_id: str, key: BackupKey | None) -> VaultCopy:
    """Archive the vault's rows as they are now."""
    async with snapshot(dsn) as conn:
        rows = await take_rows(conn, PartWriter(place, backup_id, key), is_vault)
    copy = VaultCopy(id=backup_id, taken_at_ms=now_ms(), rows=rows)
    await place.write(f"{backup_id}/{NAME}", msgspec.json.encode(copy))
    return copy


async def newest_vault(place: Place) -> VaultCopy:
    """Return the newest copy of the vault in a place, whichever backup it was taken with.

    Raises ``DamagedBackup`` when there is none: the newest knows of most erasures.
    """
    found: list[VaultCopy] = []
    for backup_id in await place.backups():
        data = await place.read(f"{backup_id}/{NAME}") if ID.fullmatch(backup_id) else None
        if data is not None:
            found.append(_read(backup_id, data))
    if not found:
        raise DamagedBackup(f"{place} has no copy of the vault; name the place that `take --keys` wrote to")
    return max(found, key=lambda one: one.taken_at_ms)


def _read(backup_id: str, data: bytes) -> VaultCopy:
    try:
        copy = msgspec.json.decode(data, type=VaultCopy)
    except msgspec.DecodeError as exc:
        raise DamagedBackup(f"{backup_id}/{NAME} cannot be read: {exc}") from exc
    if copy.id != backup_id:
        raise DamagedBackup(f"{backup_id}/{NAME} is that of {copy.id}")
    return copy
