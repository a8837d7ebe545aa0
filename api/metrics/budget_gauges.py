"""How much of each budget is spent, for alerts: read at scrapes, at most once in a few seconds."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily

from connectors.prometheus.families import gauge_family
from connectors.redis.readers.spend import Amounts
from schemas.budgets import Budget
from schemas.clock import now_ms
from schemas.metrics import API_BUDGET_USED_RATIO, API_BUDGET_WINDOW_SECONDS
from schemas.metrics.labels import MOST_SETS

#: Scrapes come every few seconds, of several servers perhaps; what a budget has spent is as old as this at most.
KEPT_S = 5.0


class ActiveBudgets(Protocol):
    """Definitions of budgets of all organisations; ``connectors.postgres.money.budgets.Budgets`` is one."""

    async def active(self, most: int) -> list[Budget]:
        """Return budgets that are not paused, the oldest first. Raises ``Unavailable``."""
        ...


class Spent(Protocol):
    """What is spent; ``connectors.redis.readers.spend.Spend`` is one."""

    async def amounts_of(self, budgets: Mapping[str, Sequence[Budget]], at_ms: int) -> list[list[Amounts]]:
        """Return what is spent and held of budgets by organisation, in their order. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """A budget, the share of its limit that is spent, and the length of its window, 0 for a total."""

    budget: Budget
    used: float
    window_s: float


class BudgetShares:
    """Reads the shares of at most ``most`` budgets."""

    def __init__(self, budgets: ActiveBudgets, spend: Spent, most: int = MOST_SETS) -> None:
        self._budgets = budgets
        self._spend = spend
        self._most = most
        self._lock = asyncio.Lock()
        self._read_s = -KEPT_S
        self._kept: list[Share] = []

    async def read(self) -> list[Share]:
        """Return the shares as of a few seconds ago at most. Raises ``Unavailable``."""
        async with self._lock:
            if time.monotonic() - self._read_s >= KEPT_S:
                self._kept = await self._fresh(now_ms())
                self._read_s = time.monotonic()
            return self._kept

    async def _fresh(self, at_ms: int) -> list[Share]:
        of_org: defaultdict[str, list[Budget]] = defaultdict(list)
        for budget in await self._budgets.active(self._most):
            of_org[budget.org_id].append(budget)
        found = await self._spend.amounts_of(of_org, at_ms) if of_org else []
        pairs = zip(of_org.values(), found, strict=True)
        return [_share(one, amounts, at_ms) for some, all_ in pairs for one, amounts in zip(some, all_, strict=True)]


def budget_families(shares: Sequence[Share]) -> list[GaugeMetricFamily]:
    """Return the gauges of budgets."""
    used, window = gauge_family(API_BUDGET_USED_RATIO), gauge_family(API_BUDGET_WINDOW_SECONDS)
    for share in shares:
        labels = [share.budget.id, share.budget.scope]
        used.add_metric(labels, share.used)
        if share.window_s:
            window.add_metric(labels, share.window_s)
    return [used, window]


def _share(budget: Budget, amounts: Amounts, at_ms: int) -> Share:
    # A limit of nothing is all used from the start.
    used = amounts.spent_nano / budget.limit_nano if budget.limit_nano else 1.0
    return Share(budget, used, budget.windows.length_ms(at_ms) / 1000)
