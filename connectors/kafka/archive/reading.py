"""Reads topics as a whole: their identity, their bounds, their records, and where groups are in them."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from connectors.kafka.errors import kafka_errors
from connectors.kafka.metadata import incarnation
from connectors.ports.archive import GroupAt, LogRow, Range, Where
from topics import clients

#: Few and large fetches: everything is read once.
FETCH_BYTES = 4 * 1024 * 1024
READ_TIMEOUT_MS = 500
TIMEOUT_MS = 20_000


class ArchiveReader:
    """A consumer outside every group, and an admin client; an async context manager. Raises ``Unavailable``."""

    def __init__(self, bootstrap: str, *, committed: bool = False) -> None:
        self._bootstrap = bootstrap
        self._committed = committed
        self._admin: AIOKafkaAdminClient = clients.admin(bootstrap, TIMEOUT_MS)
        self._consumer: AIOKafkaConsumer = self._new()

    async def __aenter__(self) -> "ArchiveReader":
        try:
            with kafka_errors("connect"):
                await self._admin.start()
                await self._consumer.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def partitions(self, names: Collection[str]) -> dict[str, int]:
        """Return the number of partitions of each topic that have a leader."""
        with kafka_errors("describe the topics"):
            described = await self._admin.describe_topics(list(names)) if names else []
        return {one["topic"]: sum(p["leader"] >= 0 for p in one["partitions"]) for one in described}

    async def names(self) -> set[str]:
        """Return the names of all topics."""
        with kafka_errors("list the topics"):
            return set(await self._admin.list_topics())

    async def identity(self, name: str) -> tuple[str, str]:
        """Return the ids of cluster and topic."""
        with kafka_errors(f"identity of {name}"):
            cluster, _, topic = (await incarnation(self._consumer._client, name)).partition("/")  # noqa: SLF001
        return cluster, topic

    async def firsts(self, wheres: Collection[Where]) -> dict[Where, int]:
        """Return the first offset of each partition."""
        with kafka_errors("first offsets"):
            found = await self._consumer.beginning_offsets([TopicPartition(*w) for w in wheres]) if wheres else {}
        return _by_where(found)

    async def ends(self, wheres: Collection[Where]) -> dict[Where, int]:
        """Return the offset that each partition's next record gets, or up to which its transactions are over."""
        with kafka_errors("last offsets"):
            found = await self._consumer.end_offsets([TopicPartition(*w) for w in wheres]) if wheres else {}
        return _by_where(found)

    async def read(self, ranges: Mapping[Where, Range]) -> AsyncIterator[tuple[Where, list[LogRow]]]:
        """Yield the records of many partitions, those of one in order. What retention took meanwhile is an error."""
        left = {where: at for where, at in ranges.items() if at.start < at.end}
        self._consumer.assign([TopicPartition(*where) for where in left])
        for where, at in left.items():
            self._consumer.seek(TopicPartition(*where), at.start)
        while left:
            with kafka_errors("read"):
                fetched = await self._consumer.getmany(timeout_ms=READ_TIMEOUT_MS)
            for tp, records in fetched.items():
                where = (tp.topic, tp.partition)
                rows = [_row(one) for one in records if one.offset < ranges[where].end]
                if rows:
                    yield where, rows
            for where in await self._finished(left):
                del left[where]
                self._consumer.pause(TopicPartition(*where))

    def follow(self, places: Mapping[Where, int]) -> None:
        """Begin to read partitions from these offsets on; ``fetch`` returns what comes."""
        self._consumer.assign([TopicPartition(*where) for where in places])
        for where, offset in places.items():
            self._consumer.seek(TopicPartition(*where), offset)

    async def fetch(self) -> dict[Where, list[LogRow]]:
        """Return the next records of the partitions that are followed, after half a second none."""
        with kafka_errors("read"):
            fetched = await self._consumer.getmany(timeout_ms=READ_TIMEOUT_MS)
        return {(tp.topic, tp.partition): [_row(one) for one in records] for tp, records in fetched.items() if records}

    async def _finished(self, left: Mapping[Where, Range]) -> list[Where]:
        with kafka_errors("read"):
            return [w for w, at in left.items() if await self._consumer.position(TopicPartition(*w)) >= at.end]

    async def groups(self, topics: Collection[str]) -> dict[str, dict[Where, GroupAt]]:
        """Return where each consumer group is in these topics; groups that are in none are left out."""
        found = {}
        with kafka_errors("offsets of groups"):
            for group, *_ in sorted(await self._admin.list_consumer_groups()):
                offsets = await self._admin.list_consumer_group_offsets(group)
                of_topics = {
                    (tp.topic, tp.partition): GroupAt(at.offset, at.metadata)
                    for tp, at in offsets.items()
                    if tp.topic in topics and at.offset >= 0
                }
                if of_topics:
                    found[group] = of_topics
        return found

    def _new(self) -> AIOKafkaConsumer:
        return clients.consumer(
            self._bootstrap,
            client_id="agentflow-backup",
            isolation_level="read_committed" if self._committed else "read_uncommitted",
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=FETCH_BYTES,
        )


def _by_where(found: Mapping[TopicPartition, int]) -> dict[Where, int]:
    return {(tp.topic, tp.partition): offset for tp, offset in found.items()}


def _row(record: Any) -> LogRow:
    return LogRow(record.offset, record.timestamp, record.key, record.value, list(record.headers))
