"""The log's part of a restore: topics with their records, checkpoints, open step requests, places of groups.

Inputs of tables keep their offsets, since positions, checkpoints and versions of runs are such offsets. All other
topics are written without gaps from 0, and the places of groups are moved by as much.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.archive.writing import ArchiveWriter
from connectors.kafka.checkpoints import EXPIRE_HEADER, KafkaCheckpoints
from connectors.ports.archive import GroupAt, LogRow, Where
from connectors.ports.engine import Kept
from deploy.backup.archive import topics
from deploy.backup.archive.ledger import Counting
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.store import PartReader
from deploy.backup.errors import DamagedBackup
from deploy.backup.restoring.inflight import Lanes, OpenRequest, lowest_places
from deploy.backup.restoring.plan import Plan
from deploy.backup.site import Site
from deploy.backup.taking.log import with_marker_of
from schemas.clock import now_ms
from schemas.errors import Unavailable
from services.privacy.subjects.erasure import KIND as ERASED
from topics.catalogue import COST_EVENTS, DAY_MS, DEFINITIONS, RUN_EVENTS
from topics.codec import decode
from topics.groups import group_of

#: Partitions that are written at a time: a part of each is in memory.
AT_ONCE = 4
#: Groups whose readers build everything from the log: their stores are empty.
REFILLED = frozenset({group_of("analytics")})
#: What else reads all of it again when the end is before the backup's: its store knows later things.
REFILLED_EARLIER = frozenset({group_of("history")})
SETTLE_S = 60.0

Watch = Callable[[Where, Sequence[LogRow]], None]


@dataclass
class Written:
    """What was restored of the log. ``moved`` has the new offset of each one that a group was at."""

    records: int = 0
    open_requests: list[OpenRequest] = field(default_factory=list)
    moved: dict[Where, dict[int, int]] = field(default_factory=dict)
    money: Counting = field(default_factory=Counting)
    erased: set[tuple[str, str]] = field(default_factory=set)
    longer_by_days: int = 0
    write_s: float = 0.0


class LogRestore:
    """Writes a plan's log into an empty cluster."""

    def __init__(self, site: Site, reader: PartReader, plan: Plan, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._bootstrap = site.bootstrap
        self._replication, self._min_isr = site.replication, site.min_isr
        self._reader = reader
        self._plan = plan
        self._places = _places(plan)
        self._lanes = Lanes({where: at for where, at in self._places.items() if topics.is_lane(where[0])})
        self.written = Written()

    async def run(self) -> Written:
        """Write everything; return what was written. Raises ``DamagedBackup`` and ``Unavailable``."""
        manifest = self._plan.manifest
        configs = topics.configs(list(manifest.topics), self._min_isr)
        checkpoints = topics.configs(list(topics.CHECKPOINTS), self._min_isr)
        async with ArchiveWriter(self._bootstrap) as writer:
            opened = {name: topics.open_for_writing(config) for name, config in configs.items()}
            counts = {name: len(copy.partitions) for name, copy in manifest.topics.items()}
            made = {name: (counts[name], conf) for name, conf in opened.items()}
            for name, config in checkpoints.items():
                count = topics.checkpoint_partitions(topics.CHECKPOINTS[name], counts, manifest.partitions)
                made[name] = (count, config)
            await writer.create(made, self._replication)
            await writer.configure(opened)
            await self._settled(made)
            self._progress(f"{len(made)} topics are made")
            began = time.monotonic()
            # Outcomes are looked for once all requests are known.
            for names in _in_turns(manifest):
                await self._topics(writer, names)
            self.written.write_s = time.monotonic() - began
            self._progress(f"{self.written.records} records are written")
            await writer.cut_before(self._firsts())
            await self._check_ends()
            await self._open_again(writer)
            await self._place_groups(writer)
            await writer.configure({name: self._kept_longer(config) for name, config in configs.items()})
        self._progress("places of groups are stored; checkpoints")
        await self._checkpoints()
        return self.written

    # Records

    async def _topics(self, writer: ArchiveWriter, names: Sequence[str]) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(where: Where) -> None:
            async with room:
                await self._partition(writer, where)

        async with asyncio.TaskGroup() as group:
            for where in self._plan.copies:
                if where[0] in names:
                    group.create_task(one(where))

    async def _partition(self, writer: ArchiveWriter, where: Where) -> None:
        copy, end = self._plan.copies[where], self._plan.ends[where]
        exact = self._plan.manifest.topics[where[0]].exact
        at = 0
        if exact and copy.first:
            first_ms = copy.parts[0].part.first_ms if copy.parts else now_ms()
            await writer.fill(where, copy.first, first_ms)
            at = copy.first
        moved = _Moving(self._targets(where), at)
        for held in copy.parts:
            if held.part.first >= end:
                break
            rows = [row for row in await self._reader.read(held, LogRow) if row.offset < end]
            if exact and rows and rows[0].offset != at:
                raise DamagedBackup(f"{where[0]}/{where[1]} has no record at offset {at}")
            self._watch(where, rows)
            await writer.append(where, rows)
            moved.take(rows)
            at += len(rows)
            self.written.records += len(rows)
        self.written.moved[where] = moved.done()

    def _watch(self, where: Where, rows: Sequence[LogRow]) -> None:
        if topics.is_lane(where[0]):
            self._lanes.take_requests(where, rows)
        elif where[0] == RUN_EVENTS:
            self._lanes.take_events(rows)
        elif where[0] == COST_EVENTS:
            self.written.money.take(rows)
        elif where[0] == DEFINITIONS:
            self.written.erased |= _erasures(rows)

    def _targets(self, where: Where) -> list[int]:
        groups = self._plan.manifest.groups.values()
        found = {by[where[0]][where[1]].offset for by in groups if where[1] in by.get(where[0], {})}
        return sorted(found)

    def _firsts(self) -> dict[Where, int]:
        copies = self._plan.copies.items()
        return {w: c.first for w, c in copies if c.first and self._plan.manifest.topics[w[0]].exact}

    async def _settled(self, made: Mapping[str, tuple[int, object]]) -> None:
        """Wait until every broker knows the new topics."""
        async with ArchiveReader(self._bootstrap) as reader, asyncio.timeout(SETTLE_S):
            while True:
                found = await reader.partitions(list(made))
                if all(found.get(name) == count for name, (count, _) in made.items()):
                    return
                await asyncio.sleep(0.2)

    async def _check_ends(self) -> None:
        async with ArchiveReader(self._bootstrap) as reader:
            ends = await reader.ends(list(self._plan.copies))
        for where, end in self._plan.ends.items():
            if self._plan.manifest.topics[where[0]].exact and ends[where] != end:
                raise Unavailable(
                    "kafka", f"{where[0]}/{where[1]} ends at {ends[where]} and not at {end}: wipe, repeat"
                )

    def _kept_longer(self, config: Mapping[str, str]) -> dict[str, str]:
        """Return a configuration under which records of an old backup live until tables are made of them."""
        days = (now_ms() - self._plan.manifest.cut_at_ms) // DAY_MS
        retention = int(config.get("retention.ms", "-1"))
        if days < 1 or retention < 0:
            return dict(config)
        self.written.longer_by_days = days + 1
        return {**config, "retention.ms": str(retention + (days + 1) * DAY_MS)}

    # What was open

    async def _open_again(self, writer: ArchiveWriter) -> None:
        """Append the requests without an outcome behind all others, where groups continue."""
        self.written.open_requests = self._lanes.open()
        by_where: dict[Where, list[LogRow]] = {}
        for one in self.written.open_requests:
            by_where.setdefault(one.where, []).append(one.row)
        for where, rows in by_where.items():
            await writer.append(where, rows)

    async def _place_groups(self, writer: ArchiveWriter) -> None:
        skipped = REFILLED | (REFILLED_EARLIER if self._plan.earlier else frozenset())
        async with ArchiveReader(self._bootstrap) as reader:
            ends = await reader.ends(list(self._plan.copies))
        reopened: dict[Where, int] = {}
        for one in self.written.open_requests:
            reopened[one.where] = reopened.get(one.where, 0) + 1
        for group, by_topic in self._plan.manifest.groups.items():
            places = {}
            for topic, by in by_topic.items():
                for partition, at in by.items():
                    where = (topic, partition)
                    if where not in ends:
                        continue
                    if topics.is_lane(topic):
                        # Nobody has begun what is behind this place, so the group's note of an open one goes.
                        places[where] = GroupAt(ends[where] - reopened.get(where, 0))
                    else:
                        places[where] = GroupAt(min(self.written.moved[where][at.offset], ends[where]), at.note)
            if places and group not in skipped:
                await writer.place_group(group, places)

    # Checkpoints

    async def _checkpoints(self) -> None:
        async with ArchiveReader(self._bootstrap) as reader:
            for (table, partition), parts in self._plan.checkpoints.items():
                incarnation = "/".join(await reader.identity(topics.input_of(table)))
                checkpoints = KafkaCheckpoints(self._bootstrap, table, client_id="agentflow-restore")
                # A restore reads the newest marker, which is the last record: that it is cut into several transactions
                # matters to nobody, since no role is there yet.
                for held in parts:
                    kept = [_kept(row, incarnation) for row in await self._reader.read(held, LogRow)]
                    async with checkpoints.writer(partition) as writer:
                        await writer.append(kept)
                        await writer.commit()


class _Moving:
    """Where old offsets are now: as many records after the beginning as before."""

    def __init__(self, targets: list[int], at: int) -> None:
        self._targets = targets
        self._at = at
        self._found: dict[int, int] = {}

    def take(self, rows: Sequence[LogRow]) -> None:
        """Count records, in order."""
        for row in rows:
            while self._targets and self._targets[0] <= row.offset:
                self._found[self._targets.pop(0)] = self._at
            self._at += 1

    def done(self) -> dict[int, int]:
        """Return the new offsets; those beyond the end are the end."""
        return self._found | dict.fromkeys(self._targets, self._at)


def _places(plan: Plan) -> dict[Where, int]:
    """Return from which offset on requests of a lane may be open."""
    source = plan.manifest
    if plan.earlier:
        # The groups were further on than the end: those of an older backup in the chain, or the very beginning.
        older = [one for one in plan.chain if _before(one, plan.ends)]
        if not older:
            return {}
        source = older[0]
    return lowest_places(
        {
            group: {topic: {p: at.offset for p, at in by.items()} for topic, by in by_topic.items()}
            for group, by_topic in source.groups.items()
        }
    )


def _before(manifest: Manifest, ends: Mapping[Where, int]) -> bool:
    cuts = ((w, manifest.topics[w[0]].partitions[w[1]].end) for w in ends if _has(manifest, w))
    return all(end <= ends[where] for where, end in cuts)


def _has(manifest: Manifest, where: Where) -> bool:
    copy = manifest.topics.get(where[0])
    return copy is not None and where[1] in copy.partitions


def _in_turns(manifest: Manifest) -> list[list[str]]:
    names = list(manifest.topics)
    lanes = [name for name in names if topics.is_lane(name)]
    return [lanes, [name for name in names if name not in lanes]]


def _erasures(rows: Sequence[LogRow]) -> set[tuple[str, str]]:
    found = set()
    mark = f'"{ERASED}"'.encode()
    for row in rows:
        if row.value is not None and mark in row.value:
            one = decode(DEFINITIONS, row.value)
            if one.kind == ERASED:
                found.add((one.org_id, one.id))
    return found


def _kept(row: LogRow, incarnation: str) -> Kept:
    marker = with_marker_of(row, incarnation)
    if marker is not None:
        return marker.kept()
    expire = next((int(value) for name, value in row.headers if name == EXPIRE_HEADER and value is not None), None)
    return Kept(row.key or b"", row.value, expire)
