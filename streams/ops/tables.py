"""What operators do to fenced tables: see which keys are quarantined, release one, have a partition rebuilt."""

import asyncio
import dataclasses
import getpass
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import Checkpoints, Kept, OutRecord
from connectors.redis.fenced_table import RedisTable
from schemas.clock import now_ms
from schemas.errors import Rejected
from schemas.records.control import KeyReleased
from streams.runtime.checkpoint.codec import Marker, marker_of
from streams.runtime.table.quarantine import ENTITY, QuarantinedKey, set_aside
from topics import catalogue
from topics.codec import encode
from topics.partitioner import partition_for, run_partition

#: The input topic and the role of each table.
TABLES = {
    catalogue.TABLE_RUNS: (catalogue.RUN_EVENTS, "orchestrator"),
    catalogue.TABLE_BUDGETS: (catalogue.COST_EVENTS, "budgets"),
    catalogue.TABLE_ADMISSIONS: (catalogue.ADMISSIONS, "admission"),
    catalogue.TABLE_ROUTES: (catalogue.ROUTE_OUTCOMES, "routes"),
    catalogue.TABLE_DEPLOYMENTS: (catalogue.DEPLOYMENT_OUTCOMES, "deployments"),
    catalogue.TABLE_QUALITY: (catalogue.QUALITY_SCORES, "quality"),
}
POLL_S = 0.1
TOMBSTONES = 1_000


@dataclass(frozen=True)
class Aside:
    """A quarantined key."""

    partition: int
    key: str
    aside: QuarantinedKey


class TableCare:
    """Looks after one table. Methods raise ``Unavailable``, and ``Rejected`` for what makes no sense."""

    def __init__(self, name: str, log: KafkaLog, table: RedisTable, checkpoints: Checkpoints, partitions: int) -> None:
        self.topic, self.role = TABLES[name]
        self._name = name
        self._log = log
        self._table = table
        self._checkpoints = checkpoints
        self._first = catalogue.partitions_of(self.topic, partitions)

    async def quarantined(self) -> AsyncIterator[Aside]:
        """Yield every quarantined key."""
        for partition in range(await self._log.partitions(self.topic)):
            for key, data in sorted((await self._table.entries(partition, ENTITY)).items()):
                yield Aside(partition, key, set_aside(data))

    async def release(self, key: str, wait_s: float) -> QuarantinedKey | None:
        """Let a key's records be folded; return why it is quarantined again, ``None`` if it is not.

        Raises ``Rejected`` for a key that is not quarantined, and when nobody has folded the word after ``wait_s``.
        """
        place = run_partition if self.topic in catalogue.OF_RUNS else partition_for
        partition = place(key.encode(), self._first)
        before = await self._aside(partition, key)
        if before is None:
            raise Rejected(f"{key!r} is not quarantined in {self._name}; `list` shows what is")
        end = (await self._log.bounds(self.topic, partition)).end
        word = KeyReleased(key=key, requested_by=getpass.getuser())
        await self._log.append([OutRecord(self.topic, key.encode(), encode(word))])
        await self._folded(partition, end, wait_s)
        return await self._aside(partition, key)

    async def _folded(self, partition: int, offset: int, wait_s: float) -> None:
        """Wait until the table is past an offset."""
        deadline = time.monotonic() + wait_s
        while (await self._table.offset(partition) or 0) <= offset:
            if time.monotonic() > deadline:
                raise Rejected(
                    f"the word is in {self.topic}/{partition}, but nobody has folded it in {wait_s:g} s; "
                    f"see whether the {self.role} runs, then `list` again"
                )
            await asyncio.sleep(POLL_S)

    async def _aside(self, partition: int, key: str) -> QuarantinedKey | None:
        data = (await self._table.entries(partition, ENTITY)).get(key)
        return None if data is None else set_aside(data)

    async def rebuild(self, partition: int) -> None:
        """Let the owner restore a partition from its checkpoint and the log. It may be at work meanwhile."""
        await self._check(partition)
        await self._table.forget(partition)

    async def rebuild_from_log(self, partition: int, *, accept_loss: bool) -> int:
        """Let the next owner restore a partition from the log alone; return the offset where it begins.

        No owner may live meanwhile. Raises ``Rejected`` when the log does not begin at 0, unless that is accepted.
        """
        await self._check(partition)
        first = (await self._log.bounds(self.topic, partition)).first
        if first and not accept_loss:
            raise Rejected(
                f"{self.topic}/{partition} begins at offset {first}: what only earlier records say would be lost; "
                "rebuild from the checkpoint (without --from-log), or say --accept-loss"
            )
        await self._table.forget(partition)
        marker = Marker(first, 0, await self._log.incarnation(self.topic), 0, now_ms())
        await self._begin_again(partition, marker)
        return first

    async def accept_loss(self, partition: int) -> tuple[int, int]:
        """Let the next owner restore a partition from its checkpoint, although the log has lost what came after it.

        Returns the offset as of which the checkpoint is, and the nearest that the log has, as of which it counts from
        now on. No owner may live meanwhile. Raises ``Rejected`` without a checkpoint of this log.
        """
        await self._check(partition)
        marker = marker_of(await self._checkpoints.last(partition))
        if marker is None or marker.incarnation != await self._log.incarnation(self.topic):
            raise Rejected(f"{self._name}/{partition} has no checkpoint of this log; say --from-log, too")
        bounds = await self._log.bounds(self.topic, partition)
        counts_as = min(max(marker.offset, bounds.first), bounds.end)
        async with self._checkpoints.writer(partition) as writer:
            await writer.append([dataclasses.replace(marker, offset=counts_as).kept()])
            await writer.commit()
        await self._table.forget(partition)
        return marker.offset, counts_as

    async def _begin_again(self, partition: int, marker: Marker) -> None:
        """Replace a checkpoint by an empty one."""
        keys: dict[bytes, None] = {}
        async for records in self._checkpoints.read(partition):
            keys |= dict.fromkeys(record.key for record in records)
        stale = [Kept(key, None) for key in keys]
        async with self._checkpoints.writer(partition) as writer:
            for start in range(0, len(stale), TOMBSTONES):
                await writer.append(stale[start : start + TOMBSTONES])
            await writer.append([marker.kept()])
            await writer.commit()

    async def _check(self, partition: int) -> None:
        count = await self._log.partitions(self.topic)
        if not 0 <= partition < count:
            raise Rejected(f"{self._name} has the partitions 0 to {count - 1}, not {partition}")
