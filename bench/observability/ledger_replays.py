"""The same policy over the calls of a real system: ClickHouse, prices and lanes against the log of settlements."""

import asyncio
import time

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.policy_calls import PolicyCalls
from connectors.kafka.log import KafkaLog
from connectors.postgres.policies.facts import FactsVersion
from connectors.prices.book import PriceBook
from deploy.local.system import ORG, PARTITIONS, System
from schemas.api_models.traces.policies import PolicyDocument, PolicyReport
from schemas.clock import now_ms
from schemas.errors import InvalidInput
from schemas.records.money import CostEvent
from schemas.settings import Settings
from services.observability.replay.policy.replays import CallWindow, PolicyReplays
from topics.catalogue import COST_EVENTS
from topics.codec import decode

_DEADLINE_S = 30.0
_HOUR_MS = 3_600_000


class _Facts:
    """What the organisation states of providers: nothing."""

    async def newest(self, _org_id: str) -> FactsVersion | None:
        return None


class _Prices:
    """The prices of the installation; the organisation has no list of its own."""

    async def booked(self, _org_id: str, _price_version: str) -> PriceBook:
        return PriceBook.load()


async def ledger_off(system: System) -> tuple[int, str]:
    """Return how far a replay of the same policy is from the log's settlements in nano-dollars, and what it covers."""
    settled = await _settled(system)
    settings = Settings.from_env(system.role_env("worker"))
    clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
    try:
        report = await _replayed(PolicyReplays(PolicyCalls(clickhouse), _Prices(), _Facts()), sum(settled.values()))
    finally:
        await clickhouse.close()
    if report is None:
        return sum(settled.values()), "no call is in ClickHouse"
    off = abs(report.baseline.cost_nano - sum(settled.values())) + report.baseline_off_nano
    return off, f"{report.coverage.calls} calls of a real system, {len(settled)} of them settled"


async def _replayed(replays: PolicyReplays, ledger_nano: int) -> PolicyReport | None:
    """Replay until analytics has written every settlement, or time is up."""
    deadline = time.monotonic() + _DEADLINE_S
    report: PolicyReport | None = None
    while time.monotonic() < deadline and (report is None or report.recorded_nano != ledger_nano):
        now = now_ms()
        try:
            report = await replays.replay(CallWindow(ORG, now - _HOUR_MS, now + _HOUR_MS), PolicyDocument())
        except InvalidInput:
            await asyncio.sleep(0.5)
    return report


async def _settled(system: System) -> dict[str, int]:
    """Return the cost of each call by its settlements in the log: the actual one, where it has come."""
    log = KafkaLog(system.endpoints.kafka_bootstrap, client_id="agentflow-bench")
    found: dict[str, dict[str, int]] = {}
    for partition in range(PARTITIONS):
        bounds = await log.bounds(COST_EVENTS, partition)
        async for batch in log.read(COST_EVENTS, partition, *bounds):
            for record in batch:
                event = decode(COST_EVENTS, record.value)
                if isinstance(event, CostEvent):
                    found.setdefault(event.call_id, {}).setdefault(event.kind, event.amount_nano)
    return {call_id: kinds.get("actual", kinds.get("presumed", 0)) for call_id, kinds in found.items()}
