"""Chains of backups: a full one, and what came after it. Pure.

An increment holds, of each partition, what follows its parent; what retention, a new topic or a broken chain made
impossible to continue stands alone in it, complete. So a partition is read from the newest slice back to one that
follows nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from connectors.ports.archive import Range
from deploy.backup.archive.manifest import Manifest, Slice, TopicCopy
from deploy.backup.archive.parts import PartInfo
from deploy.backup.errors import BackupRefused, DamagedBackup


class Held(NamedTuple):
    """A part, and the backup that holds it."""

    backup_id: str
    part: PartInfo


class PartitionCopy(NamedTuple):
    """All that a chain has of a partition: records [first, end), in these parts."""

    first: int
    end: int
    parts: tuple[Held, ...]


def chain_of(newest: str, manifests: Mapping[str, Manifest]) -> list[Manifest]:
    """Return a backup and its parents, the newest first. Raises ``DamagedBackup`` for one that is missing."""
    found: list[Manifest] = []
    name = newest
    while name:
        one = manifests.get(name)
        if one is None:
            child = f", the parent of {found[-1].id}," if found else ""
            raise DamagedBackup(f"backup {name}{child} is missing or was not finished")
        if one in found:
            raise DamagedBackup(f"backup {name} is its own parent")
        found.append(one)
        name = one.parent
    return found


def partition_copy(chain: Sequence[Manifest], topic: str, partition: int) -> PartitionCopy:
    """Return what a chain has of a partition. Raises ``DamagedBackup`` when slices do not join."""
    parts: list[Held] = []
    wanted: int | None = None
    end = 0
    for manifest in chain:
        one = _slice(manifest, topic, partition)
        if one is None or (wanted is not None and one.end != wanted):
            raise DamagedBackup(f"{topic}/{partition} of {manifest.id} does not end where its increment begins")
        end = one.end if wanted is None else end
        parts[:0] = [Held(manifest.id, part) for part in one.parts]
        if not one.follows:
            return PartitionCopy(one.start, end, tuple(parts))
        wanted = one.start
    raise DamagedBackup(f"{topic}/{partition}: the chain has no beginning")


def continued(parent: Manifest | None, topic: str, topic_id: str, partition: int, now: Range) -> tuple[int, bool]:
    """Return where a slice begins, and whether it follows the parent's. ``now`` is what the log has."""
    before = parent.topics.get(topic) if parent is not None else None
    if before is None or before.topic_id != topic_id or partition not in before.partitions:
        return now.start, False
    end = before.partitions[partition].end
    return (end, True) if now.start <= end <= now.end else (now.start, False)


def every_part(chain: Iterable[Manifest]) -> list[Held]:
    """Return all parts of a chain, which are what a restore of its newest reads, and what it checks first."""
    return [Held(manifest.id, part) for manifest in chain for part in manifest.parts()]


def covering(manifests: Iterable[Manifest], at_ms: int) -> Manifest:
    """Return the oldest backup whose cut is at a time or later. Raises ``BackupRefused`` if there is none."""
    later = [one for one in manifests if one.cut_at_ms >= at_ms]
    if not later:
        raise BackupRefused("no backup was taken at that time or later: it is not in the archive")
    return min(later, key=lambda one: one.cut_at_ms)


def needed_by(manifests: Mapping[str, Manifest], kept: Iterable[str]) -> set[str]:
    """Return the ids of backups that must stay so that these can be restored."""
    return {one.id for name in kept for one in chain_of(name, manifests)}


def spare(manifests: Mapping[str, Manifest], keep: int) -> list[str]:
    """Return the ids of backups that may go when the newest ``keep`` are to stay, with their parents; oldest first."""
    newest = sorted(manifests, key=lambda name: manifests[name].cut_at_ms)[-keep:]
    stay = needed_by(manifests, newest)
    return sorted(set(manifests) - stay)


def _slice(manifest: Manifest, topic: str, partition: int) -> Slice | None:
    copy: TopicCopy | None = manifest.topics.get(topic)
    return None if copy is None else copy.partitions.get(partition)
