"""What the brokers say: partitions, groups and their places, tables and checkpoints. Raises ``Unavailable``."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.kafka.errors import kafka_errors
from connectors.kafka.log import KafkaLog
from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from deploy.doctor.facts import PartitionHealth, Reader, TablePlace
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.ops.tables import TABLES
from streams.roles.registry import ROLES
from streams.runtime.checkpoint.codec import Marker, marker_of
from topics import clients
from topics.admin import TopicAdmin
from topics.catalogue import wanted
from topics.groups import group_of

_TIMEOUT_MS = 20_000
#: Without one of these no run ends, or nobody sees it. Others a site may do without.
NEEDED = ("orchestrator", "worker", "budgets", "admission", "history", "analytics")
#: Checkpoints are read so many at once; each reader is a connection.
_AT_ONCE = 8

Places = Mapping[TopicPartition, int]


async def differences(settings: Settings) -> list[str]:
    """Return how topics differ from the catalogue."""
    kafka = settings.kafka
    async with TopicAdmin(kafka.bootstrap) as admin:
        found = await admin.verify(wanted([settings.api.default_org_id]), kafka.partitions, min_isr=kafka.min_isr)
    return [str(one) for one in found]


class Brokers:
    """Asks brokers with one connection for topics and groups and one for ends; an async context manager."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin: AIOKafkaAdminClient = clients.admin(bootstrap, _TIMEOUT_MS)
        self._consumer = clients.consumer(bootstrap, request_timeout_ms=_TIMEOUT_MS)

    async def __aenter__(self) -> "Brokers":
        try:
            await self._admin.start()
            await self._consumer.start()
        except (KafkaError, OSError) as exc:
            await self.__aexit__()
            raise Unavailable("kafka", f"no broker answers at {self._bootstrap}") from exc
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()
        await self._consumer.stop()

    async def partitions(self, names: Collection[str]) -> list[PartitionHealth]:
        """Return every partition of topics."""
        with kafka_errors("describe topics"):
            described = await self._admin.describe_topics(sorted(names)) if names else []
        return [
            PartitionHealth(
                topic["topic"], part["partition"], len(part["replicas"]), len(part["isr"]), part["leader"] >= 0
            )
            for topic in described
            for part in topic["partitions"]
        ]

    async def min_isr(self, names: Collection[str]) -> dict[str, int]:
        """Return how many replicas must have a write, by topic."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(names)]
        with kafka_errors("read settings of topics"):
            answers = await self._admin.describe_configs(resources) if resources else []
        found = {}
        for answer in answers:
            for _code, _message, _kind, name, entries in answer.resources:
                values = {entry[0]: entry[1] for entry in entries}
                found[name] = int(values.get("min.insync.replicas") or 1)
        return found

    async def names(self) -> set[str]:
        """Return the names of all topics."""
        with kafka_errors("list topics"):
            return set(await self._admin.list_topics())

    async def idle(self) -> list[str]:
        """Return the needed roles of which no process is a member of its group."""
        found = []
        for role in NEEDED:
            # One by one: aiokafka cannot read an answer about several groups.
            with kafka_errors(f"read the members of {role}"):
                answers = await self._admin.describe_consumer_groups([group_of(role)])
            if not any(group[5] for answer in answers for group in answer.groups):
                found.append(role)
        return found

    async def committed(self) -> dict[str, Places]:
        """Return the offsets that each role's group has stored; roles without any are left out."""
        found: dict[str, Places] = {}
        for role, spec in ROLES.items():
            if not spec.reads or spec.table is not None:
                continue
            with kafka_errors(f"read the offsets of {role}"):
                stored = await self._admin.list_consumer_group_offsets(group_of(role))
            if places := {at: meta.offset for at, meta in stored.items() if meta.offset >= 0}:
                found[role] = places
        return found

    async def bounds(self, places: Collection[TopicPartition]) -> tuple[Places, Places]:
        """Return the first offsets and the ends of partitions."""
        if not places:
            return {}, {}
        with kafka_errors("read the ends of topics"):
            first = await self._consumer.beginning_offsets(list(places))
            return first, await self._consumer.end_offsets(list(places))


async def readers(brokers: Brokers, redis: Redis, counts: Mapping[str, int], pause_s: float) -> list[Reader]:
    """Look twice at how far every role is, ``pause_s`` apart."""
    before = {**await brokers.committed(), **await _of_tables(redis, counts)}
    there = {at for places in before.values() for at in places if counts.get(at.topic, 0) > at.partition}
    _, ends = await brokers.bounds(there)
    await asyncio.sleep(pause_s)
    after = {**await brokers.committed(), **await _of_tables(redis, counts)}
    return [
        Reader(role, at.topic, at.partition, offset, after.get(role, {}).get(at, offset), ends[at])
        for role, places in before.items()
        for at, offset in places.items()
        if at in ends
    ]


async def _of_tables(redis: Redis, counts: Mapping[str, int]) -> dict[str, Places]:
    found: dict[str, Places] = {}
    for table, (topic, role) in TABLES.items():
        stored = await _positions(redis, table, counts.get(topic, 0))
        found[role] = {TopicPartition(topic, p): offset for p, (offset, _) in stored.items()}
    return found


async def _positions(redis: Redis, table: str, count: int) -> dict[int, tuple[int, str]]:
    """Return offset and incarnation of each partition of a table that has a position."""
    pipe = redis.pipeline(transaction=False)
    for partition in range(count):
        pipe.hmget(Slot(table, partition).position, "offset", "incarnation")
    with redis_errors("read the positions of tables"):
        found = await pipe.execute() if count else []
    return {p: (int(offset), (log or b"").decode()) for p, (offset, log) in enumerate(found) if offset is not None}


async def tables(brokers: Brokers, settings: Settings, redis: Redis, counts: Mapping[str, int]) -> list[TablePlace]:
    """Return where every partition of every table is, beside its log and its newest checkpoint."""
    room = asyncio.Semaphore(_AT_ONCE)
    found: list[TablePlace] = []
    async with KafkaLog(settings.kafka.bootstrap, client_id="agentflow-doctor") as log:
        for table, (topic, _) in TABLES.items():
            count = counts.get(topic, 0)
            if not count:
                continue
            stored = await _positions(redis, table, count)
            first, ends = await brokers.bounds([TopicPartition(topic, p) for p in range(count)])
            incarnation = await log.incarnation(topic)
            markers = await _markers(settings.kafka.bootstrap, table, count, room)
            for partition in range(count):
                at = TopicPartition(topic, partition)
                offset, folded = stored.get(partition, (None, incarnation))
                marker = markers[partition]
                ours = marker is not None and marker.incarnation == incarnation
                found.append(
                    TablePlace(
                        table=table,
                        partition=partition,
                        offset=offset,
                        first=first[at],
                        end=ends[at],
                        checkpoint_offset=marker.offset if ours and marker else None,
                        checkpoint_at_ms=marker.at_ms if ours and marker else None,
                        other_log=folded != incarnation,
                    )
                )
    return found


async def _markers(bootstrap: str, table: str, count: int, room: asyncio.Semaphore) -> Sequence[Marker | None]:
    checkpoints = KafkaCheckpoints(bootstrap, table, client_id="agentflow-doctor")

    async def one(partition: int) -> Marker | None:
        async with room:
            return marker_of(await checkpoints.last(partition))

    return await asyncio.gather(*(one(partition) for partition in range(count)))
