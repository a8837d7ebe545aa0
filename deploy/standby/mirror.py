"""Copies records of a site's topics to the brokers of a standby, partition by partition and in order, as they come.

Inputs of tables keep their offsets: a partition of the standby ends where its copy does, so that a mirror which failed
continues exactly there. Topics whose records compaction takes away keep order but not offsets; a record of those may
come twice after a failure of the mirror, which every reader recognises by its id.

Nothing waits for the mirror, so what it has not copied yet is lost with the site.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from connectors.kafka.archive.reading import ArchiveReader
from connectors.kafka.archive.writing import ArchiveWriter
from connectors.objects.atomic_file import replace
from connectors.ports.archive import LogRow, Where
from deploy.backup.archive import topics
from schemas.errors import Rejected

#: New topics of the original are looked for so often.
TOPICS_S = 10.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Places:
    """The offset of the original up to which each partition is copied. ``file`` keeps those of topics with gaps."""

    file: Path
    at: dict[Where, int] = field(default_factory=dict)

    def read(self) -> None:
        """Read the file, if there is one."""
        if self.file.exists():
            self.at = {(topic, partition): end for topic, partition, end in orjson.loads(self.file.read_bytes())}

    def write(self) -> None:
        """Write the file."""
        replace(self.file, orjson.dumps([[*where, end] for where, end in self.at.items()]))


class Mirror:
    """Mirrors one site to another. Methods raise ``Unavailable`` of either, and ``Rejected`` for sites that differ."""

    def __init__(
        self, reader: ArchiveReader, standby: ArchiveReader, writer: ArchiveWriter, places: Places, replication: int = 1
    ) -> None:
        self._replication = replication
        self._reader = reader
        self._standby = standby
        self._writer = writer
        self._places = places
        self._counts: dict[str, int] = {}

    async def begin(self) -> int:
        """Make missing topics at the standby and find where each partition is; return how many topics there are."""
        self._places.read()
        names = topics.archived(await self._reader.names())
        counts = await self._reader.partitions(names)
        there = await self._standby.names()
        configs = topics.configs([name for name in names if name not in there])
        await self._writer.create(
            {name: (counts[name], topics.open_for_writing(config)) for name, config in configs.items()},
            self._replication,
        )
        await self._take(counts)
        return len(counts)

    async def _take(self, counts: Mapping[str, int]) -> None:
        wheres = [(name, p) for name, count in counts.items() for p in range(count)]
        firsts, ends = await self._reader.firsts(wheres), await self._ends_of_standby(counts, wheres)
        for where in wheres:
            if where[0] in topics.EXACT:
                self._places.at[where] = ends[where]
                if firsts[where] > ends[where]:
                    raise Rejected(
                        f"{where[0]}/{where[1]} begins at offset {firsts[where]}, and the standby ends at "
                        f"{ends[where]}: restore a backup there first, then mirror"
                    )
            else:
                self._places.at[where] = max(self._places.at.get(where, 0), firsts[where])
        self._counts = dict(counts)
        self._reader.follow(self._places.at)

    async def _ends_of_standby(self, counts: Mapping[str, int], wheres: Collection[Where]) -> dict[Where, int]:
        async with asyncio.timeout(30):
            while True:
                found = await self._standby.partitions(list(counts))
                if all(found.get(name, 0) >= count for name, count in counts.items()):
                    break
                await asyncio.sleep(0.2)
        return await self._standby.ends(list(wheres))

    async def step(self) -> int:
        """Copy what comes next; return how many records, 0 after half a second without any."""
        fetched = await self._reader.fetch()
        await asyncio.gather(*(self._append(where, rows) for where, rows in fetched.items()))
        if any(topic not in topics.EXACT for topic, _ in fetched):
            self._places.write()
        return sum(map(len, fetched.values()))

    async def _append(self, where: Where, rows: list[LogRow]) -> None:
        if where[0] in topics.EXACT and rows[0].offset != self._places.at[where]:
            raise Rejected(
                f"{where[0]}/{where[1]} has no record at offset {self._places.at[where]}: retention took it before it "
                "was mirrored; restore a backup at the standby, then mirror"
            )
        await self._writer.append(where, rows)
        self._places.at[where] = rows[-1].offset + 1

    async def run(self, stop: asyncio.Event, say: Say) -> None:
        """Mirror until told to stop."""
        looked, said = time.monotonic(), 0.0
        copied = 0
        while not stop.is_set():
            copied += await self.step()
            if time.monotonic() - said > 1.0:
                said = time.monotonic()
                say(f"{copied} records are copied")
            if time.monotonic() - looked > TOPICS_S:
                looked = time.monotonic()
                await self._look_for_topics()

    async def _look_for_topics(self) -> None:
        counts = await self._reader.partitions(topics.archived(await self._reader.names()))
        if grown := sorted(name for name, count in self._counts.items() if counts.get(name, count) != count):
            raise Rejected(f"{grown[0]} has grown: grow it at the standby (python -m deploy.growth), then start again")
        if counts.keys() - self._counts.keys():
            await self.begin()
