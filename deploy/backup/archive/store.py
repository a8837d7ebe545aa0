"""The parts of one backup in a place: written with what the manifest says of them, read with a check of it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TypeVar

from connectors.ports.archive import LogRow
from deploy.backup.archive import manifest as manifests
from deploy.backup.archive.chain import Held, chain_of
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import BackupKey, Codec, PartInfo, fault_of, info_of, records_info
from deploy.backup.archive.places import Place
from deploy.backup.errors import DamagedBackup

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Parts that are read and checked at a time; each is held in memory.
AT_ONCE = 4


class PartWriter:
    """Writes the parts of a backup."""

    def __init__(self, place: Place, backup_id: str, key: BackupKey | None) -> None:
        self._place = place
        self._id = backup_id
        self._codec = Codec(backup_id, key)

    async def records(self, name: str, rows: Sequence[LogRow]) -> PartInfo:
        """Write a part of records."""
        data = await self._write(name, rows)
        return records_info(name, data, rows)

    async def rows(self, name: str, rows: Sequence[object]) -> PartInfo:
        """Write a part of other rows."""
        return info_of(name, await self._write(name, rows), len(rows))

    async def _write(self, name: str, rows: Sequence[object]) -> bytes:
        data = await asyncio.to_thread(self._codec.pack, name, rows)
        await self._place.write(f"{self._id}/{name}", data)
        return data


class PartReader:
    """Reads parts of any backup of a place."""

    def __init__(self, place: Place, key: BackupKey | None) -> None:
        self._place = place
        self._key = key
        self._codecs: dict[str, Codec] = {}

    async def read(self, held: Held, kind: type[T]) -> list[T]:
        """Return a part's rows. Raises ``DamagedBackup``."""
        data = await self._place.read(f"{held.backup_id}/{held.part.name}")
        fault = fault_of(held.part, data)
        if fault or data is None:
            raise DamagedBackup(f"{held.backup_id}: {fault}")
        codec = self._codecs.setdefault(held.backup_id, Codec(held.backup_id, self._key))
        return await asyncio.to_thread(codec.unpack, held.part.name, data, kind)

    async def faults(self, parts: Sequence[Held]) -> list[str]:
        """Return what is wrong with parts, by their hashes and sizes; nothing is decoded."""
        room = asyncio.Semaphore(AT_ONCE)

        async def fault(held: Held) -> str:
            async with room:
                data = await self._place.read(f"{held.backup_id}/{held.part.name}")
                found = await asyncio.to_thread(fault_of, held.part, data)
                return f"{held.backup_id}: {found}" if found else ""

        return [found for found in await asyncio.gather(*map(fault, parts)) if found]


async def manifests_in(place: Place) -> dict[str, Manifest]:
    """Return the manifests of all finished backups of a place, by id, as they are: nobody has vouched for them.

    One that cannot be read is no backup, and is logged: others must stay usable.
    """
    found = {}
    for backup_id in await place.backups():
        data = await place.read(f"{backup_id}/{manifests.NAME}") if manifests.ID.fullmatch(backup_id) else None
        if data is None:
            continue
        try:
            one = manifests.read(data, None, trusted=False)
        except DamagedBackup as exc:
            log.warning("%s is left out: %s", backup_id, exc, extra={"action": "skip"})
            continue
        if one.id == backup_id:
            found[one.id] = one
        else:
            log.warning("%s is left out: its manifest is that of %s", backup_id, one.id, extra={"action": "skip"})
    return found


async def trusted_chain(
    place: Place, key: BackupKey | None, newest: str, known: Mapping[str, Manifest]
) -> list[Manifest]:
    """Return a backup and its parents, the newest first, each vouched for by the key. Raises ``DamagedBackup``."""
    chain = []
    for one in chain_of(newest, known):
        data = await place.read(f"{one.id}/{manifests.NAME}")
        if data is None:
            raise DamagedBackup(f"the manifest of {one.id} is missing")
        chain.append(manifests.read(data, key))
    return chain
