"""Create and verify topics on a broker. A topic that differs from the catalogue is reported, never changed."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from schemas.errors import AccessRefused, TooLarge, Unavailable
from topics import clients
from topics.catalogue import MAX_QUEUES, grows, is_queue, partitions_of, queue_topics
from topics.refusals import refusal

_TIMEOUT_MS = 20_000


@dataclass(frozen=True)
class Difference:
    """One topic that differs from the catalogue, and the difference."""

    topic: str
    message: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.message}"


def in_sync(min_isr: int) -> dict[str, str]:
    """Return the setting of a topic that needs more than one replica in sync; of one, the broker's own counts."""
    return {"min.insync.replicas": str(min_isr)} if min_isr > 1 else {}


class TopicAdmin:
    """Administers topics; an async context manager. Methods raise ``Unavailable`` when no broker answers."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._client = clients.admin(bootstrap, _TIMEOUT_MS)

    async def __aenter__(self) -> "TopicAdmin":
        try:
            await self._client.start()
        except (KafkaConnectionError, KafkaError, OSError) as exc:
            await self._client.close()
            if why := await refusal(self._bootstrap):
                raise AccessRefused("kafka", why) from exc
            raise Unavailable("kafka", f"no broker answers at {self._bootstrap}") from exc
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def members(self, group: str) -> int:
        """Return the current number of members of a consumer group."""
        try:
            answers = await self._client.describe_consumer_groups([group])
        except (KafkaConnectionError, KafkaError, OSError) as exc:
            raise Unavailable("kafka", f"read the members of {group}: {exc}") from exc
        return sum(len(found[5]) for answer in answers for found in answer.groups if found[1] == group)

    async def create(
        self, wanted: dict[str, dict[str, str]], partitions: int, replication: int, min_isr: int = 1
    ) -> list[str]:
        """Create the missing topics; return their names. Existing ones are left unchanged.

        ``partitions`` is for all topics whose number the catalogue leaves open. A write is acknowledged when
        ``min_isr`` of the ``replication`` replicas have it.
        """
        there = set(await self._client.list_topics())
        missing = [name for name in wanted if name not in there]
        if not missing:
            return []
        kept = in_sync(min_isr)
        new = [NewTopic(n, partitions_of(n, partitions), replication, topic_configs=wanted[n] | kept) for n in missing]
        response = await self._client.create_topics(new)
        for name, code, *detail in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise Unavailable("kafka", f"topic {name} was not created: {for_code(code).__name__} {detail}")
        await self._wait_known(missing)
        return missing

    async def _wait_known(self, names: list[str]) -> None:
        """Wait until every broker knows the topics: each learns of them from the controller, a moment later."""
        deadline = time.monotonic() + _TIMEOUT_MS / 1000
        while not await self._is_known(names):
            if time.monotonic() > deadline:
                raise Unavailable("kafka", f"some brokers do not know the new topics yet, such as {names[0]}")
            await asyncio.sleep(0.05)

    async def _is_known(self, names: list[str]) -> bool:
        try:
            brokers = (await self._client.describe_cluster())["brokers"]
            # The public methods ask a random broker.
            ask = self._client._send_request  # noqa: SLF001
            answers = [await ask(MetadataRequest(names), broker["node_id"]) for broker in brokers]
        except KafkaError:
            return False  # one that died meanwhile is no broker of the cluster soon
        return all(topic["error_code"] == 0 for answer in answers for topic in answer.to_object()["topics"])

    async def names(self) -> set[str]:
        """Return the names of all topics."""
        return set(await self._client.list_topics())

    async def counts(self, names: Collection[str]) -> dict[str, int]:
        """Return the partitions of topics that are there."""
        described = await self._client.describe_topics(list(names)) if names else []
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    async def grow(self, topic: str, partitions: int) -> bool:
        """Add partitions to a topic up to a number; return false if it has as many. Raises ``Unavailable``."""
        if (await self.counts([topic]))[topic] >= partitions:
            return False
        answer = await self._client.create_partitions({topic: NewPartitions(partitions)})
        for name, code, *detail in answer.topic_errors:
            if code:
                raise Unavailable("kafka", f"topic {name} did not grow: {for_code(code).__name__} {detail}")
        return True

    async def create_queues(
        self, queues: Collection[str], partitions: int, replication: int, min_isr: int = 1
    ) -> list[str]:
        """Create the missing topics of queues; return their names.

        Raises ``TooLarge`` when there would be more than ``MAX_QUEUES``.
        """
        there = await self.names()
        new = queue_topics(queues).keys() - there
        if new and sum(map(is_queue, there)) + len(new) > MAX_QUEUES:
            raise TooLarge(
                f"there are {sum(map(is_queue, there))} queues, the maximum is {MAX_QUEUES}: use an existing one, or "
                "ask an operator to delete topics of unused queues"
            )
        return await self.create(
            {name: topic for name, topic in queue_topics(queues).items() if name in new},
            partitions,
            replication,
            min_isr,
        )

    async def verify(
        self, wanted: dict[str, dict[str, str]], partitions: int | None = None, replication: int = 1, min_isr: int = 1
    ) -> list[Difference]:
        """Return the differences: missing topics, other settings, fewer replicas, (if given) other partition counts.

        All of a table's partitions follow its input topic, so topics of one count are expected, except where the
        catalogue declares another one.
        """
        there = set(await self._client.list_topics())
        found = [Difference(n, "is missing; run `python -m topics create`") for n in wanted if n not in there]
        names = [name for name in wanted if name in there]
        if names:
            found += await self._settings(names, {name: wanted[name] | in_sync(min_isr) for name in names})
            found += await self._counts(names, partitions)
            found += await self._replicas(names, replication)
        return sorted(found, key=str)

    async def _settings(self, names: list[str], wanted: dict[str, dict[str, str]]) -> list[Difference]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, n) for n in names]
        differences = []
        for response in await self._client.describe_configs(resources):
            for _code, _message, _kind, name, entries in response.resources:
                real = {entry[0]: entry[1] for entry in entries}
                for key, value in wanted[name].items():
                    if real.get(key) != value:
                        differences.append(Difference(name, f"{key} is {real.get(key)!r}, should be {value!r}"))
        return differences

    async def _replicas(self, names: list[str], least: int) -> list[Difference]:
        described = await self._client.describe_topics(names)
        found = {t["topic"]: min(len(one["replicas"]) for one in t["partitions"]) for t in described}
        fix = "add some with kafka-reassign-partitions"
        return [
            Difference(n, f"has {has} replicas, should have {least}; {fix}") for n, has in found.items() if has < least
        ]

    async def _counts(self, names: list[str], partitions: int | None) -> list[Difference]:
        if partitions is None:
            return []
        described = await self._client.describe_topics(names)
        counts = {t["topic"]: (len(t["partitions"]), partitions_of(t["topic"], partitions)) for t in described}
        return [
            Difference(topic, f"has {has} partitions, should have {should}")
            for topic, (has, should) in counts.items()
            if has != should and not (grows(topic) and has % should == 0)
        ]
