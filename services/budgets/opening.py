"""New budgets start from the ledger: what was spent before their definition is added to their counters.

    1. the fold defines the budget, at an offset of ``cost-events``, and counts what is settled after it
    2. analytics has written all that was settled before that offset
    3. the ledger is asked as of that offset, and ``BudgetOpened`` carries its amounts
    4. the fold adds them once, and the budget says from when on it has counted

So each settlement counts once, in 1 or in 3. Without analytics, a budget counts from its definition on, and says so.
Each API process does this; that several do it at once is harmless.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.money.budgets import Budgets
from connectors.redis.readers.spend import Spend
from schemas.budgets import Budget
from schemas.clock import now_ms
from schemas.errors import AgentFlowError
from schemas.records.budgets import BudgetOpened
from schemas.tables.budgets import DefinedBudget
from schemas.windows import Windows
from topics.catalogue import COST_EVENTS
from topics.codec import encode
from topics.groups import group_of
from topics.partitioner import partition_for

logger = logging.getLogger(__name__)

ANALYTICS_GROUP = group_of("analytics")
INTERVAL_S = 3.0
#: All that a total has counted is one bucket.
_ENDLESS_MS = 2**61
#: Clocks of zones change at quarters of hours, so windows of days and more begin at one.
_QUARTER_HOUR_MS = 900_000
_MINUTE_MS = 60_000


class Progress(Protocol):
    """How far readers of the log are. Raises ``Unavailable``."""

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the offset up to which a group has finished each partition."""
        ...


class Opening:
    """Brings the past of new budgets to their counters. ``partitions`` is that of ``cost-events``."""

    def __init__(
        self,
        budgets: Budgets,
        spend: Spend,
        ledger: SpendLedger,
        progress: Progress,
        appender: Appender,
        partitions: int,
    ) -> None:
        self._budgets = budgets
        self._spend = spend
        self._ledger = ledger
        self._progress = progress
        self._appender = appender
        self._partitions = partitions

    async def run(self) -> None:
        """Open budgets until cancelled."""
        while True:
            try:
                await self.open_all()
            except AgentFlowError as exc:
                logger.info("new budgets wait for the ledger: %s", exc, extra={"action": "open_budgets_later"})
            await asyncio.sleep(INTERVAL_S)

    async def open_all(self) -> None:
        """Open every new budget whose past the ledger has by now. Raises ``Unavailable``."""
        waiting = await self._budgets.unopened()
        if not waiting:
            return
        written = await self._progress.committed(ANALYTICS_GROUP, COST_EVENTS)
        for budget in waiting:
            for one in await self._spend.defined(budget.org_id):
                if one.budget.budget_id == budget.id:
                    await self._open(budget, one, written)

    async def _open(self, budget: Budget, defined: DefinedBudget, written: Mapping[int, int]) -> None:
        if defined.opened:
            await self._budgets.mark_opened(budget.id)
            return
        if written.get(partition_for(budget.org_id.encode(), self._partitions), 0) <= defined.since_offset:
            return
        since_ms, amounts = await self._amounts(budget, defined)
        event = BudgetOpened(
            org_id=budget.org_id,
            budget_id=budget.id,
            as_of_offset=defined.since_offset,
            amounts={str(start): amount for start, amount in amounts.items()},
            counted_since_ms=since_ms,
        )
        await self._appender.append([OutRecord(COST_EVENTS, budget.org_id.encode(), encode(event))])

    async def _amounts(self, budget: Budget, defined: DefinedBudget) -> tuple[int, dict[int, int]]:
        windows = budget.windows
        since_ms = first_counted(windows, min(now_ms(), defined.since_ms))
        found = await self._ledger.spent(budget, since_ms, bucket_ms(windows), defined.since_offset)
        amounts: dict[int, int] = {}
        for at_ms, amount in found.items():
            start = windows.start(at_ms)
            amounts[start] = amounts.get(start, 0) + amount
        return since_ms, amounts


def first_counted(windows: Windows, at_ms: int) -> int:
    """Return from when on a budget's past is asked for: the window before that of its definition and all after it."""
    if windows.period == "total":
        return 0
    first, _ = windows.counted(at_ms)
    return windows.start(first - 1)


def bucket_ms(windows: Windows) -> int:
    """Return by which buckets the ledger is asked, so that each is in one window."""
    if windows.period == "total":
        return _ENDLESS_MS
    if windows.sliding:
        return windows.bucket_ms
    return _MINUTE_MS if windows.period in ("minute", "hour") else _QUARTER_HOUR_MS
