"""What the log of money, Redis, ClickHouse and history say of one organisation's spend, in nano-dollars."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg
from redis.asyncio import Redis

from bench.lines import BenchError
from connectors.clickhouse.client import ClickHouse
from connectors.kafka.log import KafkaLog
from connectors.redis.keys import budgets_slot
from deploy.local.engines import Endpoints
from schemas.records.money import CallStarted, CostEvent
from schemas.settings import Settings
from topics.catalogue import COST_EVENTS
from topics.codec import decode

SETTLED_WITHIN_S = 120.0
_POLL_S = 0.5


@dataclass
class Ledger:
    """The log. ``most`` is the largest sum of settlements at any prefix, ``settled`` the last one of each call."""

    started: set[str] = field(default_factory=set)
    settled: dict[str, CostEvent] = field(default_factory=dict)
    most: int = 0
    _sum: int = 0

    def take(self, record: object) -> None:
        """Add one record, in the order of the log."""
        if isinstance(record, CallStarted):
            self.started.add(record.call_id)
        if not isinstance(record, CostEvent):
            return
        known = self.settled.get(record.call_id)
        if known is None or (known.kind, record.kind) == ("presumed", "actual"):
            self._sum += record.amount_nano - (known.amount_nano if known else 0)
            self.settled[record.call_id] = record
            self.most = max(self.most, self._sum)

    @property
    def total(self) -> int:
        """All that was settled."""
        return self._sum

    @property
    def is_settled(self) -> bool:
        """Whether every call that was announced is settled."""
        return self.started <= self.settled.keys()


async def settled_ledger(endpoints: Endpoints, partitions: int) -> Ledger:
    """Return the log once every call is settled. Raises ``BenchError`` when some are not."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        ledger = await _read(endpoints, partitions)
        if ledger.is_settled:
            return ledger
        if time.monotonic() > deadline:
            left = sorted(ledger.started - ledger.settled.keys())
            raise BenchError(f"{len(left)} calls are not settled {SETTLED_WITHIN_S:.0f} s after the end, as {left[0]}")
        await asyncio.sleep(_POLL_S)


async def _read(endpoints: Endpoints, partitions: int) -> Ledger:
    ledger = Ledger()
    async with KafkaLog(endpoints.kafka_bootstrap) as log:
        # One organisation's money is in one partition, so its order is the log's.
        for partition in range(partitions):
            bounds = await log.bounds(COST_EVENTS, partition)
            async for batch in log.read(COST_EVENTS, partition, bounds.first, bounds.end):
                for record in batch:
                    ledger.take(decode(COST_EVENTS, record.value))
    return ledger


@dataclass(frozen=True)
class Table:
    """The organisation's entries of the table of budgets, and what is held."""

    entries: Mapping[str, str]
    held: Mapping[str, int]

    @property
    def spent(self) -> int:
        """What the organisation has spent in all, which is what a budget of its whole time counts."""
        return int(self.entries.get("org|total", 0))


async def table(endpoints: Endpoints, org_id: str, partitions: int) -> Table:
    """Return the table as Redis has it now."""
    slot = budgets_slot(org_id, partitions)
    async with Redis.from_url(endpoints.redis_url) as redis:
        entries = await redis.hgetall(slot.entity(org_id))
        held = await redis.hgetall(slot.held(org_id))
    return Table(
        {_text(name): _text(value) for name, value in entries.items()},
        {_text(name): int(value) for name, value in held.items() if int(value)},
    )


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data


async def same_table(endpoints: Endpoints, org_id: str, partitions: int, right: Table, within_s: float) -> Table:
    """Return the table when it is as it was, or what it is when time is up."""
    deadline = time.monotonic() + within_s
    while True:
        found = await table(endpoints, org_id, partitions)
        if found == right or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_POLL_S)


async def stored_nano(endpoints: Endpoints, right: int, within_s: float) -> tuple[int, int]:
    """Return the sums of ClickHouse and of history, when they are ``right`` or time is up."""
    deadline = time.monotonic() + within_s
    clickhouse = ClickHouse(endpoints.clickhouse_url, Settings().clickhouse.database)
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        while True:
            ((facts,),) = await clickhouse.query("SELECT sum(amount_nano) FROM settled_costs")
            runs = int(await conn.fetchval("SELECT coalesce(sum(cost_nano), 0)::text FROM workflow_run"))
            if (int(str(facts)), runs) == (right, right) or time.monotonic() > deadline:
                return int(str(facts)), runs
            await asyncio.sleep(_POLL_S)
    finally:
        await clickhouse.close()
        await conn.close()
