"""Reads everything that is judged. Topics are read on from where the reading before stopped, all else anew."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.kafka.log import to_record
from tests.chaos.collect.clients import read_as_strangers, read_places, read_provider, read_runs, sample
from tests.chaos.collect.stores import read_budgets, read_history, read_learned, read_rows
from tests.chaos.collect.topics import OFFSETS, TopicsRead
from tests.chaos.evidence import Evidence
from tests.chaos.records import Expected, Limit, Strike
from tests.chaos.stack import HOLD_TTL_MS, LoadedSystem
from topics import catalogue
from topics.catalogue import DLQ_SUFFIX
from topics.clients import access

FETCH_MS = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """What the load knows of itself: see the fields of ``Evidence`` of the same names."""

    seed: int
    limited: bool
    chained: bool
    expected: Mapping[str, Expected]
    accepted: Sequence[str]
    refused: Sequence[str]
    bad: Mapping[str, str]
    canceled: Sequence[str]
    signaled: Mapping[str, list[str]]
    budgets: Sequence[Limit]
    limits: Sequence[Limit]
    strikes: Sequence[Strike]


@dataclass
class Collector:
    """``clients`` are the API's, by organisation. ``read`` is repeated until the system is at rest."""

    system: LoadedSystem
    clients: Mapping[str, httpx.AsyncClient]
    topics: TopicsRead = field(default_factory=TopicsRead)
    _positions: dict[TopicPartition, int] = field(default_factory=dict)

    async def read(self, sent: Sent, *, whole: bool) -> Evidence:
        """Return the evidence of this moment; with what the API shows of runs, which takes longest, if ``whole``."""
        endpoints, orgs = self.system.endpoints, list(self.clients)
        await self._read_topics(orgs)
        run_rows, step_rows = await read_history(endpoints.postgres_dsn)
        stored_rows, stored_nano = await read_rows(endpoints.clickhouse_url)
        spent, held = await read_budgets(endpoints.redis_url, self.system.partitions, orgs)
        calls, answers = await read_provider(self.system.model_url)
        asked = sample(sent.expected, sent.accepted) if whole else []
        topics = self.topics
        return Evidence(
            seed=sent.seed,
            limited=sent.limited,
            chained=sent.chained,
            hold_ttl_ms=HOLD_TTL_MS,
            expected=dict(sent.expected),
            accepted=list(sent.accepted),
            refused=list(sent.refused),
            bad=dict(sent.bad),
            canceled=list(sent.canceled),
            signaled=dict(sent.signaled),
            events=list(topics.events),
            money=list(topics.money),
            requests=list(topics.requests),
            posted=list(topics.posted),
            commits=list(topics.commits),
            runs=dict(topics.runs),
            run_rows=run_rows,
            step_rows=step_rows,
            api=await read_runs(self.clients, sent.expected, asked),
            foreign=await read_as_strangers(self.clients, sent.expected, asked),
            topic_rows={table: {run: len(ids) for run, ids in by_run.items()} for table, by_run in topics.rows.items()},
            stored_rows=stored_rows,
            stored_nano=stored_nano,
            calls=calls,
            answers=answers,
            spent=spent,
            held=held,
            budgets=list(sent.budgets),
            limits=list(sent.limits),
            places=await read_places(self.clients),
            moments=list(topics.moments),
            route_events=list(topics.route_events),
            learned=await read_learned(
                endpoints.redis_url, self.system.partitions, {one.group for one in topics.route_events}
            ),
            dead_letters=list(topics.dead_letters),
            strikes=list(sent.strikes),
        )

    async def _read_topics(self, orgs: Sequence[str]) -> None:
        read = (
            catalogue.RUN_EVENTS,
            catalogue.RUN_VIEWS,
            catalogue.COST_EVENTS,
            catalogue.PROVIDER_CALLS,
            catalogue.TRACE_SPANS,
            catalogue.ADMISSIONS,
            catalogue.ROUTE_OUTCOMES,
        )
        lanes = (catalogue.lane(tier) for tier in catalogue.TIERS)
        posted = (catalogue.submissions_topic(org) for org in orgs)
        dead = (name for name in catalogue.wanted() if name.endswith(DLQ_SUFFIX))
        async with AIOKafkaConsumer(
            **access(self.system.endpoints.kafka_bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        ) as consumer:
            wanted = {*read, *lanes, *posted, *dead, OFFSETS}
            await consumer.topics()  # so that all are known
            partitions = [TopicPartition(topic, p) for topic in wanted for p in await _partitions(consumer, topic)]
            consumer.assign(partitions)
            await self._read_to_the_end(consumer, partitions)

    async def _read_to_the_end(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        ends, begins = await consumer.end_offsets(partitions), await consumer.beginning_offsets(partitions)
        for where in partitions:
            consumer.seek(where, self._positions.get(where, begins[where]))
        left = {where for where in partitions if self._positions.get(where, begins[where]) < ends[where]}
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=FETCH_MS)).values():
                for record in records:
                    self.topics.take(to_record(record))
            for where in partitions:
                self._positions[where] = await consumer.position(where)
            left = {where for where in left if self._positions[where] < ends[where]}


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> Iterable[int]:
    found = consumer.partitions_for_topic(topic)
    if found is None:  # an internal topic, which is not listed
        found = await consumer._client._wait_on_metadata(topic)
    return found
