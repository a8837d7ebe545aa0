"""The log's part of a backup: checkpoints first, then places of groups, then one offset vector, then the records."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.kafka.archive.reading import ArchiveReader
from connectors.ports.archive import GroupAt, LogRow, Range, Where
from connectors.ports.engine import Kept
from deploy.backup.archive import topics
from deploy.backup.archive.chain import continued
from deploy.backup.archive.ledger import Counting
from deploy.backup.archive.manifest import Checkpoint, GroupOffset, Manifest, Slice, TopicCopy
from deploy.backup.archive.parts import PART_BYTES, PartInfo
from deploy.backup.archive.store import PartWriter
from deploy.backup.errors import BackupRefused
from schemas.clock import now_ms
from streams.runtime.checkpoint.codec import Marker, marker_of
from topics.catalogue import COST_EVENTS

log = logging.getLogger(__name__)

#: A checkpoint that changes faster than it is read is read this often; then the system is too busy for one.
ROUNDS = 50
_ROW_BYTES = 64


@dataclass
class Cut:
    """One offset vector: where each partition begins and ends, read between two times."""

    at_ms: int
    spread_ms: int
    firsts: dict[Where, int]
    ends: dict[Where, int]


@dataclass
class _Open:
    """A part that is being gathered."""

    rows: list[LogRow] = field(default_factory=list)
    bytes: int = 0


class Gathering:
    """Gathers records of many partitions into parts, each closed when it is large. ``name`` makes a part's name."""

    def __init__(self, writer: PartWriter, folder: str) -> None:
        self._writer = writer
        self._folder = folder
        self._open: dict[Where, _Open] = {}
        self.parts: dict[Where, list[PartInfo]] = {}

    async def take(self, where: Where, rows: list[LogRow]) -> None:
        """Take in records of a partition, in order."""
        one = self._open.setdefault(where, _Open())
        one.rows += rows
        one.bytes += sum(_ROW_BYTES + len(row.key or b"") + len(row.value or b"") for row in rows)
        if one.bytes >= PART_BYTES:
            await self._close(where)

    async def close(self) -> None:
        """Write what is left."""
        for where in list(self._open):
            await self._close(where)

    async def _close(self, where: Where) -> None:
        one = self._open.pop(where)
        if one.rows:
            name = f"{self._folder}/{where[0]}/{where[1]}/{one.rows[0].offset:020d}.part"
            self.parts.setdefault(where, []).append(await self._writer.records(name, one.rows))


class LogTaking:
    """Takes the log. ``parent`` is the backup that this one continues."""

    def __init__(self, bootstrap: str, writer: PartWriter, parent: Manifest | None) -> None:
        self._bootstrap = bootstrap
        self._writer = writer
        self._parent = parent
        self.money = Counting()

    async def checkpoints(self, reader: ArchiveReader) -> dict[str, dict[int, Checkpoint]]:
        """Archive the newest checkpoint of each partition. ``reader`` sees committed transactions only."""
        there = await reader.partitions(sorted(topics.CHECKPOINTS.keys() & await reader.names()))
        wheres = [(name, partition) for name, count in there.items() for partition in range(count)]
        gathering, last = Gathering(self._writer, "checkpoints"), dict[Where, LogRow]()
        at = await reader.firsts(wheres)
        # Compaction removes a record only when a newer one of its key is there: reading on until nothing is newer gives
        # the checkpoints complete, whatever was compacted meanwhile.
        for _ in range(ROUNDS):
            ends = await reader.ends(wheres)
            behind = {where: Range(at[where], end) for where, end in ends.items() if at[where] < end}
            if not behind:
                break
            async for where, rows in reader.read(behind):
                await gathering.take(where, rows)
                last[where] = rows[-1]
            at = ends
        else:
            raise BackupRefused("checkpoints change faster than they are read; try again, or in a quieter hour")
        await gathering.close()
        return await self._of_this_log(reader, last, gathering)

    async def _of_this_log(
        self, reader: ArchiveReader, last: Mapping[Where, LogRow], gathering: Gathering
    ) -> dict[str, dict[int, Checkpoint]]:
        found: dict[str, dict[int, Checkpoint]] = {}
        ids: dict[str, str] = {}
        for (name, partition), row in last.items():
            table = topics.CHECKPOINTS[name]
            if table not in ids:
                ids[table] = "/".join(await reader.identity(topics.input_of(table)))
            marker = marker_of(None if row.key is None else Kept(row.key, row.value))
            if marker is not None and marker.incarnation == ids[table]:
                one = Checkpoint(offset=marker.offset, parts=gathering.parts.get((name, partition), []))
                found.setdefault(table, {})[partition] = one
        return found

    async def cut(self, reader: ArchiveReader) -> Cut:
        """Return one offset vector of all topics, effects before causes."""
        turns = topics.turns(await reader.names())
        counts = await reader.partitions([name for turn in turns for name in turn])
        wheres = [[(name, p) for name in turn for p in range(counts[name])] for turn in turns]
        # Once before it counts: connections are opened, and leaders found.
        await reader.ends([where for turn in wheres for where in turn])
        began = now_ms()
        ends: dict[Where, int] = {}
        for turn in wheres:
            ends |= await reader.ends(turn)
        cut_at = now_ms()
        firsts = await reader.firsts([where for turn in wheres for where in turn])
        return Cut(cut_at, cut_at - began, firsts, ends)

    async def records(self, reader: ArchiveReader, cut: Cut) -> dict[str, TopicCopy]:
        """Archive the records up to the cut: all, or those that the parent does not have."""
        names = sorted({name for name, _ in cut.ends})
        ids = {name: (await reader.identity(name))[1] for name in names}
        starts = {
            (name, p): continued(self._parent, name, ids[name], p, Range(cut.firsts[name, p], end))
            for (name, p), end in cut.ends.items()
        }
        gathering = Gathering(self._writer, "topics")
        expected = {where: start for where, (start, _) in starts.items()}
        async for where, rows in reader.read({w: Range(start, cut.ends[w]) for w, (start, _) in starts.items()}):
            if where[0] in topics.EXACT:
                expected[where] = _joined(where, expected[where], rows)
            if where[0] == COST_EVENTS:
                self.money.take(rows)
            await gathering.take(where, rows)
            await asyncio.sleep(0)
        await gathering.close()
        return {name: _topic(name, ids[name], cut, starts, gathering.parts) for name in names}


def markers(checkpoints: Mapping[str, Mapping[int, Checkpoint]]) -> dict[Where, int]:
    """Return the offset of each checkpoint by the partition of its table's input."""
    return {(topics.input_of(t), p): one.offset for t, by in checkpoints.items() for p, one in by.items()}


def groups_of(found: Mapping[str, Mapping[Where, GroupAt]]) -> dict[str, dict[str, dict[int, GroupOffset]]]:
    """Return the places of groups as a manifest has them."""
    groups: dict[str, dict[str, dict[int, GroupOffset]]] = {}
    for group, places in found.items():
        for (topic, partition), at in places.items():
            by_partition = groups.setdefault(group, {}).setdefault(topic, {})
            by_partition[partition] = GroupOffset(offset=at.offset, note=at.note)
    return groups


def with_marker_of(row: LogRow, incarnation: str) -> Marker | None:
    """Return a checkpoint's marker as that of another log; ``None`` for a record that is no marker."""
    marker = None if row.key is None else marker_of(Kept(row.key, row.value))
    return None if marker is None else Marker(marker.offset, marker.clock_ms, incarnation, marker.epoch, marker.at_ms)


def _joined(where: Where, expected: int, rows: list[LogRow]) -> int:
    for row in rows:
        if row.offset != expected:
            raise BackupRefused(
                f"{where[0]}/{where[1]} has no record at offset {expected}: retention took it just now, or a program "
                "wrote there in transactions. Take the backup again"
            )
        expected += 1
    return expected


def _topic(
    name: str, topic_id: str, cut: Cut, starts: Mapping[Where, tuple[int, bool]], parts: Mapping[Where, list[PartInfo]]
) -> TopicCopy:
    slices = {
        where[1]: Slice(
            first=cut.firsts[where],
            start=start,
            end=cut.ends[where],
            follows=follows,
            parts=parts.get(where, []),
        )
        for where, (start, follows) in starts.items()
        if where[0] == name
    }
    return TopicCopy(topic_id=topic_id, exact=name in topics.EXACT, partitions=slices)
