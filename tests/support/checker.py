"""Checks the promises after a test, reading only topics, tables and databases: nothing that a role says of itself.

Every accepted run reaches exactly one terminal state. Each step's recorded result is unique. Money is counted
exactly once, holds are back to zero, and ClickHouse and PostgreSQL agree with the topics.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from redis.asyncio import Redis

from connectors.clickhouse import ClickHouse
from connectors.kafka import KafkaLog
from connectors.redis_keys import Slot
from connectors.settings import Settings
from deploy.local.engines import Endpoints
from schemas.budgets import spend_fields
from schemas.errors import BadRecord
from schemas.records.money import CostEvent
from schemas.records.run_events import RunSubmitted
from topics import catalogue
from topics.codec import decode, encode

TERMINAL = {"succeeded", "failed", "canceled"}
STEP_TERMINAL = {"succeeded", "failed", "skipped", "canceled"}


@dataclass
class Report:
    """What was found. ``problems`` is empty when every promise held."""

    accepted: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    by_status: dict[str, int] = field(default_factory=dict)
    spent_nano: int = 0
    money_difference_nano: int = 0
    presumed: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, lost {len(self.lost)}, doubled {len(self.doubled)}, {self.by_status}, "
            f"spent {self.spent_nano} nano, difference {self.money_difference_nano}, presumed {self.presumed}"
        )


class Checker:
    """Reads everything once. ``accepted`` are the runs that a client was told are accepted."""

    def __init__(self, endpoints: Endpoints, partitions: int, org_id: str, accepted: set[str]) -> None:
        self._endpoints = endpoints
        self._partitions = partitions
        self._org = org_id
        self._accepted = accepted

    async def check(self) -> Report:
        """Return the report of this moment."""
        report = Report(accepted=len(self._accepted))
        async with KafkaLog(self._endpoints.kafka_bootstrap) as log:
            events = await self._decoded(log, catalogue.RUN_EVENTS)
            views = await self._decoded(log, catalogue.RUN_VIEWS)
            costs = await self._decoded(log, catalogue.COST_EVENTS)
            calls = await self._decoded(log, catalogue.PROVIDER_CALLS)
            spans = await self._decoded(log, catalogue.TRACE_SPANS)
        submitted = {e.run_id for e in events if isinstance(e, RunSubmitted)}
        if self._accepted - submitted:
            report.problems.append(f"{len(self._accepted - submitted)} accepted runs are not in the log")
        self._check_runs(report, submitted, views)
        await self._check_money(report, costs)
        await self._check_history(report, views)
        await self._check_rows(report, costs, calls, spans, views)
        return report

    async def settled(self, deadline_s: float) -> Report:
        """Check again until everything holds or time is up; return the last report."""
        until = asyncio.get_running_loop().time() + deadline_s
        report = await self.check()
        while report.problems and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.5)
            report = await self.check()
        return report

    async def _decoded(self, log: KafkaLog, topic: str) -> list[Any]:
        found = []
        for partition in range(self._partitions):
            bounds = await log.bounds(topic, partition)
            async for batch in log.read(topic, partition, bounds.first, bounds.end):
                for record in batch:
                    try:
                        found.append(decode(topic, record.value))
                    except BadRecord:
                        continue
        return found

    def _check_runs(self, report: Report, submitted: set[str], views: list[Any]) -> None:
        ends: dict[str, set[str]] = defaultdict(set)
        results: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        for view in views:
            if view.status in TERMINAL:
                ends[view.run_id].add(view.status)
            for step in view.steps:
                if step.state in STEP_TERMINAL and step.output is not None:
                    results[view.run_id, step.step_id].add(encode(step.output))
        report.lost = submitted - set(ends)
        report.doubled = {run for run, statuses in ends.items() if len(statuses) > 1}
        for run in submitted & set(ends):
            for status in ends[run]:
                report.by_status[status] = report.by_status.get(status, 0) + 1
        twice = [key for key, outputs in results.items() if len(outputs) > 1]
        if report.lost:
            report.problems.append(f"{len(report.lost)} runs have no end: {sorted(report.lost)[:3]}")
        if report.doubled:
            report.problems.append(f"{len(report.doubled)} runs have two ends: {sorted(report.doubled)[:3]}")
        if twice:
            report.problems.append(f"{len(twice)} steps have two results: {twice[:3]}")

    async def _check_money(self, report: Report, costs: list[CostEvent]) -> None:
        settled = settlements(costs)
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
                spent |= {k.decode(): int(v) for k, v in (await redis.hgetall(slot.entity(self._org))).items()}
                held |= {k.decode(): int(v) for k, v in (await redis.hgetall(slot.held(self._org))).items()}
        finally:
            await redis.aclose()
        report.money_difference_nano = spent.get("org|total", 0) - report.spent_nano
        if {n: v for n, v in spent.items() if v} != {n: v for n, v in expected.items() if v}:
            report.problems.append(f"spent differs from the settlements: {_difference(spent, expected)}")
        if any(held.values()):
            report.problems.append(f"holds are left: { ({k: v for k, v in held.items() if v}) }")

    async def _check_history(self, report: Report, views: list[Any]) -> None:
        newest: dict[str, Any] = {}
        for view in views:
            if view.run_id not in newest or view.version >= newest[view.run_id].version:
                newest[view.run_id] = view
        conn = await asyncpg.connect(self._endpoints.postgres_dsn)
        try:
            rows = await conn.fetch("SELECT id::text AS id, status, cost_nano FROM workflow_run")
        finally:
            await conn.close()
        stored = {r["id"]: (r["status"], r["cost_nano"]) for r in rows}
        wanted = {run: (view.status, view.cost_nano) for run, view in newest.items()}
        if stored != wanted:
            wrong = [run for run in wanted if stored.get(run) != wanted[run]]
            report.problems.append(f"PostgreSQL differs in {len(wrong)} runs, e.g. {wrong[:2]}")

    async def _check_rows(self, report: Report, *topics: list[Any]) -> None:
        costs, calls, spans, views = topics
        expected = {
            "cost_events": len({c.event_id for c in costs}),
            "provider_calls": len({c.call_id for c in calls}),
            "trace_spans": len({(s.trace_id, one.span_id) for s in spans for one in s.spans}),
            "step_events": len({(v.run_id, s.step_id, v.version) for v in views for s in v.steps}),
        }
        clickhouse = ClickHouse(self._endpoints.clickhouse_url, Settings.clickhouse_database)
        try:
            for table, count in expected.items():
                rows = await clickhouse.query(f"SELECT count() FROM {table} FINAL")
                if rows[0][0] != count:
                    report.problems.append(f"ClickHouse has {rows[0][0]} {table}, the topic {count}")
        finally:
            await clickhouse.close()


def settlements(costs: list[CostEvent]) -> dict[str, CostEvent]:
    """Return the settlement of each call that counts: the actual one, or else the presumed one."""
    settled: dict[str, CostEvent] = {}
    for cost in costs:
        before = settled.get(cost.call_id)
        if before is None or (before.kind == "presumed" and cost.kind == "actual"):
            # An actual settlement books into the windows of the presumed one that it replaces.
            booked = cost if before is None else cost.model_copy(update={"booked_at_ms": before.booked_at_ms})
            settled[cost.call_id] = booked
    return settled


def _difference(spent: dict[str, int], expected: dict[str, int]) -> dict[str, tuple[int, int]]:
    names = {n for n in spent.keys() | expected.keys() if spent.get(n, 0) != expected.get(n, 0)}
    return {n: (spent.get(n, 0), expected.get(n, 0)) for n in sorted(names)[:3]}
