"""The text of ``/metrics``: the API's own metrics, what roles and workers stored, circuits, budgets, certificates,
the last backup.

Each part that cannot be read is left out, and says so: the page itself is there while Redis and PostgreSQL are not.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.metrics.backups import BackupAge
from api.metrics.budget_gauges import BudgetShares, budget_families
from api.metrics.certificates import certificate_family
from api.metrics.role_counters import RoleCounters, Stored
from connectors.prometheus.families import gauge_family, gauge_value
from connectors.prometheus.places import Places
from connectors.prometheus.stored import families
from schemas.errors import Unavailable
from schemas.metrics import (
    API_BUDGETS_UP,
    API_OPEN_CIRCUITS,
    API_ROLE_COUNTERS_UP,
    PROVIDER_REQUESTS_TOTAL,
    STORED,
)
from schemas.metrics.fields import parse_field


class Circuits(Protocol):
    """Circuit breakers of routes; ``connectors.redis.breakers.RedisBreakers`` is one."""

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        """Return the routes that no call may take now, and why. Raises nothing."""
        ...


class Exposition:
    """Makes the text at every scrape. ``certificates`` are paths of PEM files."""

    def __init__(
        self,
        counters: RoleCounters,
        circuits: Circuits,
        budgets: BudgetShares,
        certificates: Sequence[str],
        backups: BackupAge,
    ) -> None:
        self._backups = backups
        self._counters = counters
        self._circuits = circuits
        self._budgets = budgets
        self._certificates = certificates
        self._places = Places()

    async def text(self, registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their content type: OpenMetrics, with exemplars, for those who accept it."""
        encode, content_type = choose_encoder(accept)
        own = CollectorRegistry()
        stored, money, backups = await asyncio.gather(self._stored(), self._money(), self._backups.families())
        own.register(_Snapshot([*registry.collect(), *stored, *money, *backups]))
        return encode(own), content_type

    async def _stored(self) -> list[Family]:
        try:
            found, up = await self._counters.read(), 1
        except Unavailable:
            found, up = Stored({}, {}), 0
        made: list[Family] = [*families(found.fields, found.exemplars, self._places)]
        return [*made, gauge_value(API_ROLE_COUNTERS_UP, up), await self._open_circuits(found)]

    async def _open_circuits(self, found: Stored) -> Family:
        """Return the circuits of all routes that were asked and have a place of their own."""
        family, names = gauge_family(API_OPEN_CIRCUITS), STORED[PROVIDER_REQUESTS_TOTAL].labels
        fields = [field for field in found.fields if field.startswith(f"{PROVIDER_REQUESTS_TOTAL}|")]
        labels = [labels for _, labels in map(parse_field, fields)]
        routes = {(one["provider"], one["model"]) for one in labels if one.keys() == set(names)}
        asked = sorted(route for route in routes if self._places.has(PROVIDER_REQUESTS_TOTAL, route))
        tripped = await self._circuits.unhealthy([f"{provider}/{model}" for provider, model in asked])
        for provider, model in asked:
            family.add_metric([provider, model], float(f"{provider}/{model}" in tripped))
        return family

    async def _money(self) -> list[Family]:
        try:
            shares, up = await self._budgets.read(), 1
        except Unavailable:
            shares, up = [], 0
        return [*budget_families(shares), gauge_value(API_BUDGETS_UP, up), certificate_family(self._certificates)]


class _Snapshot(Collector):
    """Collects families that were built before."""

    def __init__(self, made: Iterable[Family]) -> None:
        self._made = list(made)

    def collect(self) -> Iterable[Family]:
        """Return the families."""
        return self._made
