"""What a restore will do, decided and checked before anything is written.

All parts of the chain are read and compared with their hashes; the end of every partition is settled; each table gets
the newest checkpoint that is not beyond that end, or its log from the very beginning.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.ports.archive import Where
from deploy.backup.archive import topics
from deploy.backup.archive.chain import Held, PartitionCopy, covering, every_part, partition_copy
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import Place
from deploy.backup.archive.store import PartReader, manifests_in, trusted_chain
from deploy.backup.errors import BackupRefused, DamagedBackup
from deploy.backup.restoring import cuts

#: Faults that are named; of a lost disk there are thousands.
SHOWN = 5


@dataclass(frozen=True)
class Wanted:
    """What is to be restored: a backup (the newest without ``backup_id``), up to a time or to offsets, if given."""

    backup_id: str = ""
    until_ms: int | None = None
    offsets: Path | None = None

    @property
    def earlier(self) -> bool:
        """Return true if the end is not that of the backup."""
        return self.until_ms is not None or self.offsets is not None


@dataclass(frozen=True)
class Plan:
    """``ends`` is the offset vector of the restore, ``checkpoints`` has the parts of each by table and partition."""

    chain: Sequence[Manifest]
    copies: Mapping[Where, PartitionCopy]
    ends: Mapping[Where, int]
    checkpoints: Mapping[tuple[str, int], tuple[Held, ...]]
    earlier: bool

    @property
    def manifest(self) -> Manifest:
        """The backup that is restored."""
        return self.chain[0]


async def plan(place: Place, key: BackupKey | None, wanted: Wanted, progress: Callable[[str], None]) -> Plan:
    """Return the plan of a restore. Raises ``DamagedBackup`` and ``BackupRefused``; nothing is written."""
    known = await manifests_in(place)
    chain = await trusted_chain(place, key, _chosen(known, wanted, place), known)
    reader = PartReader(place, key)
    parts = every_part(chain)
    progress(f"checking {len(parts)} parts, {sum(held.part.size for held in parts) / 2**20:.1f} MiB")
    faults = await reader.faults(parts)
    if faults:
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise DamagedBackup(f"nothing was restored: {'; '.join(faults[:SHOWN])}{more}")
    newest = chain[0]
    copies = {
        (name, p): partition_copy(chain, name, p) for name, copy in newest.topics.items() for p in copy.partitions
    }
    ends = await _ends(copies, wanted, reader)
    return Plan(chain, copies, ends, _checkpoints(chain, copies, ends), wanted.earlier)


def _chosen(known: Mapping[str, Manifest], wanted: Wanted, place: Place) -> str:
    if not known:
        raise BackupRefused(f"{place} has no finished backup")
    if wanted.backup_id:
        if wanted.backup_id not in known:
            raise BackupRefused(f"{place} has no finished backup {wanted.backup_id}; see `list`")
        return wanted.backup_id
    if wanted.until_ms is not None:
        return covering(known.values(), wanted.until_ms).id
    return max(known.values(), key=lambda one: one.cut_at_ms).id


async def _ends(copies: Mapping[Where, PartitionCopy], wanted: Wanted, reader: PartReader) -> dict[Where, int]:
    if wanted.offsets is not None:
        return cuts.at_offsets(copies, cuts.read_offsets(wanted.offsets))
    if wanted.until_ms is not None:
        return await cuts.at_time(copies, wanted.until_ms, reader)
    return {where: copy.end for where, copy in copies.items()}


def _checkpoints(
    chain: Sequence[Manifest], copies: Mapping[Where, PartitionCopy], ends: Mapping[Where, int]
) -> dict[tuple[str, int], tuple[Held, ...]]:
    found = {}
    for table in topics.CHECKPOINTS.values():
        for partition in sorted(p for name, p in copies if name == topics.input_of(table)):
            where = (topics.input_of(table), partition)
            parts = _checkpoint(chain, table, partition, copies[where].first, ends[where])
            if parts is not None:
                found[table, partition] = parts
            elif copies[where].first > 0:
                raise BackupRefused(
                    f"{where[0]}/{partition} begins at offset {copies[where].first}, and no checkpoint of {table} is "
                    f"of an offset from there to {ends[where]}: choose a later end, or an older backup"
                )
    return found


def _checkpoint(chain: Sequence[Manifest], table: str, partition: int, first: int, end: int) -> tuple[Held, ...] | None:
    for manifest in chain:
        one = manifest.checkpoints.get(table, {}).get(partition)
        if one is not None and first <= one.offset <= end:
            return tuple(Held(manifest.id, part) for part in one.parts)
    return None
