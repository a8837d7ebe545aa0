"""The objects' part of a backup: those that the parent does not have. An object never changes: its name is its hash."""

import asyncio
from collections.abc import Sequence, Set

from connectors.objects.backends import Blobs, listed
from connectors.objects.store import MAX_BYTES
from deploy.backup.archive.chain import Held
from deploy.backup.archive.manifest import Manifest, ObjectsCopy
from deploy.backup.archive.parts import PART_BYTES, ObjectRow, PartInfo
from deploy.backup.archive.store import PartReader, PartWriter
from schemas.errors import NotFound

AT_ONCE = 8
NAMES_IN_A_PART = 100_000


async def known_objects(reader: PartReader, chain: Sequence[Manifest]) -> set[str]:
    """Return the names of all objects that backups of a chain hold."""
    found: set[str] = set()
    for manifest in chain:
        for part in manifest.objects.names:
            found.update(await reader.read(Held(manifest.id, part), str))
    return found


async def take_objects(blobs: Blobs, writer: PartWriter, known: Set[str]) -> ObjectsCopy:
    """Archive the objects that are there and not ``known``."""
    new = [name async for name in listed(blobs) if name not in known]
    parts: list[PartInfo] = []
    stored: list[str] = []
    rows: list[ObjectRow] = []
    size = total = 0
    for start in range(0, len(new), AT_ONCE):
        for name, data in await _read(blobs, new[start : start + AT_ONCE]):
            rows.append(ObjectRow(name, data))
            stored.append(name)
            size += len(data)
            total += len(data)
        if size >= PART_BYTES:
            parts.append(await writer.rows(f"objects/{len(parts):06d}.part", rows))
            rows, size = [], 0
    if rows:
        parts.append(await writer.rows(f"objects/{len(parts):06d}.part", rows))
    names = [
        await writer.rows(f"objects/names-{at:06d}.part", stored[at : at + NAMES_IN_A_PART])
        for at in range(0, len(stored), NAMES_IN_A_PART)
    ]
    return ObjectsCopy(count=len(stored), bytes=total, parts=parts, names=names)


async def _read(blobs: Blobs, names: Sequence[str]) -> list[tuple[str, bytes]]:
    read = await asyncio.gather(*(_one(blobs, name) for name in names))
    return [(name, data) for name, data in zip(names, read, strict=True) if data is not None]


async def _one(blobs: Blobs, name: str) -> bytes | None:
    try:
        return await blobs.read(name, MAX_BYTES)
    except NotFound:
        return None  # a sweep took it after it was listed: no record that stays has it
