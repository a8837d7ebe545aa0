"""Checks the promises after a test, reading only topics, tables and databases, never a role's own report.

Every accepted run reaches exactly one terminal state. Each step's recorded result is unique. Money is counted exactly
once, holds are back to zero, and ClickHouse and PostgreSQL agree with the topics.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import asyncpg
from msgspec import structs
from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from connectors.kafka.log import KafkaLog
from connectors.redis.keys import Slot
from deploy.local.engines import Endpoints
from schemas.budgets import spend_fields
from schemas.records.money import CostEvent
from schemas.settings import Settings
from tests.support.seen import TOPICS, Seen
from tests.support.spend import spend_amounts
from topics import catalogue


@dataclass
class Report:
    """What was found. ``problems`` is empty when every promise held.

    ``lost`` are runs without an end, ``doubled`` runs with two ends or a step with two results. The difference of
    money is that of the table of budgets to the settlements, plus that of ClickHouse to them.
    """

    accepted: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    by_status: dict[str, int] = field(default_factory=dict)
    spent_nano: int = 0
    table_difference_nano: int = 0
    rows_difference_nano: int = 0
    presumed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def money_difference_nano(self) -> int:
        """What must be zero."""
        return abs(self.table_difference_nano) + abs(self.rows_difference_nano)

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, lost {len(self.lost)}, doubled {len(self.doubled)}, {self.by_status}, "
            f"spent {self.spent_nano} nano, difference {self.money_difference_nano}, presumed {self.presumed}"
        )


class Checker:
    """``accepted`` are the runs that a client was told are accepted. ``seen`` grows with every check."""

    def __init__(self, endpoints: Endpoints, partitions: int, org_id: str, accepted: set[str]) -> None:
        self._endpoints = endpoints
        self._partitions = partitions
        self._org = org_id
        self._accepted = accepted
        self._positions: dict[tuple[str, int], int] = {}
        self.seen = Seen()

    async def check(self) -> Report:
        """Return the report of this moment. Only what is new in the topics is read."""
        report = Report(accepted=len(self._accepted))
        async with KafkaLog(self._endpoints.kafka_bootstrap) as log:
            for topic in TOPICS:
                for partition in range(await log.partitions(topic)):
                    await self._read(log, topic, partition)
        self._check_runs(report)
        await self._check_money(report)
        await self._check_history(report)
        await self._check_rows(report)
        return report

    async def settled(self, deadline_s: float) -> Report:
        """Check again until everything holds or time is up; return the last report."""
        until = asyncio.get_running_loop().time() + deadline_s
        report = await self.check()
        while report.problems and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.5)
            report = await self.check()
        return report

    async def _read(self, log: KafkaLog, topic: str, partition: int) -> None:
        bounds = await log.bounds(topic, partition)
        start = self._positions.get((topic, partition), bounds.first)
        async for batch in log.read(topic, partition, start, bounds.end):
            for record in batch:
                self.seen.take(record)
            self._positions[topic, partition] = batch[-1].offset + 1

    def _check_runs(self, report: Report) -> None:
        seen = self.seen
        if unknown := self._accepted - seen.submitted.keys():
            report.problems.append(f"{len(unknown)} accepted runs are not in the log: {sorted(unknown)[:3]}")
        report.lost = (self._accepted | seen.submitted.keys()) - seen.ends.keys()
        twice = {key for key, outputs in seen.results.items() if len(outputs) > 1}
        report.doubled = {run for run, statuses in seen.ends.items() if len(statuses) > 1} | {run for run, _ in twice}
        for run in seen.submitted.keys() & seen.ends.keys():
            for status in seen.ends[run]:
                report.by_status[status] = report.by_status.get(status, 0) + 1
        if report.lost:
            report.problems.append(f"{len(report.lost)} runs have no end: {sorted(report.lost)[:3]}")
        if report.doubled:
            found = sorted(report.doubled)[:3]
            report.problems.append(f"{len(report.doubled)} runs have two ends or a step with two results: {found}")

    async def _check_money(self, report: Report) -> None:
        settled = settlements(self.seen.costs)
        report.presumed = sum(1 for c in settled.values() if c.kind == "presumed")
        expected: dict[str, int] = defaultdict(int)
        for cost in settled.values():
            for name in spend_fields(cost.workflow_name, cost.provider, cost.model, cost.booked_at_ms):
                expected[name] += cost.amount_nano
        report.spent_nano = expected.get("org|total", 0)
        redis = Redis.from_url(self._endpoints.redis_url)
        try:
            spent: dict[str, int] = {}
            held: dict[str, int] = {}
            for partition in range(self._partitions):
                slot = Slot(catalogue.TABLE_BUDGETS, partition)
                spent |= spend_amounts(await redis.hgetall(slot.entity(self._org)))
                held |= {k.decode(): int(v) for k, v in (await redis.hgetall(slot.held(self._org))).items()}
        finally:
            await redis.aclose()
        report.table_difference_nano = spent.get("org|total", 0) - report.spent_nano
        if {n: v for n, v in spent.items() if v} != {n: v for n, v in expected.items() if v}:
            report.problems.append(f"spent differs from the settlements: {_difference(spent, expected)}")
        if any(held.values()):
            report.problems.append(f"holds are left: { ({k: v for k, v in held.items() if v}) }")

    async def _check_history(self, report: Report) -> None:
        conn = await asyncpg.connect(self._endpoints.postgres_dsn)
        try:
            rows = await conn.fetch("SELECT id::text AS id, status, cost_nano FROM workflow_run")
        finally:
            await conn.close()
        stored = {r["id"]: (r["status"], r["cost_nano"]) for r in rows}
        wanted = {run: (status, cost_nano) for run, (_, status, cost_nano) in self.seen.newest.items()}
        if stored != wanted:
            wrong = [run for run in wanted if stored.get(run) != wanted[run]]
            report.problems.append(f"PostgreSQL differs in {len(wrong)} runs, e.g. {wrong[:2]}")

    async def _check_rows(self, report: Report) -> None:
        expected = {
            "cost_events": len(self.seen.cost_ids),
            "provider_calls": len(self.seen.calls),
            "trace_spans": len(self.seen.spans),
            "step_events": len(self.seen.step_events),
        }
        clickhouse = ClickHouse(self._endpoints.clickhouse_url, Settings().clickhouse.database)
        try:
            for table, count in expected.items():
                rows = await clickhouse.query(f"SELECT count() FROM {table} FINAL")
                if rows[0][0] != count:
                    report.problems.append(f"ClickHouse has {rows[0][0]} {table}, the topic {count}")
            spent = int(str((await clickhouse.query("SELECT sum(amount_nano) FROM settled_costs"))[0][0]))
        finally:
            await clickhouse.close()
        report.rows_difference_nano = spent - report.spent_nano
        if report.rows_difference_nano:
            report.problems.append(f"ClickHouse has {spent} nano-dollars, the topic {report.spent_nano}")


def settlements(costs: Iterable[CostEvent]) -> dict[str, CostEvent]:
    """Return the settlement of each call that counts: the actual one, or else the presumed one."""
    settled: dict[str, CostEvent] = {}
    for cost in costs:
        before = settled.get(cost.call_id)
        if before is None or (before.kind == "presumed" and cost.kind == "actual"):
            # An actual settlement books into the windows of the presumed one that it replaces.
            booked = cost if before is None else structs.replace(cost, booked_at_ms=before.booked_at_ms)
            settled[cost.call_id] = booked
    return settled


def _difference(spent: dict[str, int], expected: dict[str, int]) -> dict[str, tuple[int, int]]:
    names = {n for n in spent.keys() | expected.keys() if spent.get(n, 0) != expected.get(n, 0)}
    return {n: (spent.get(n, 0), expected.get(n, 0)) for n in sorted(names)[:3]}
