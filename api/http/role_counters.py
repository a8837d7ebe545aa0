"""Counters that roles write in their fenced commits, read from Redis at every scrape, in Prometheus' format."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from redis.asyncio import Redis

from connectors.prometheus.families import counter_family, gauge_value, histogram_family
from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.errors import Unavailable
from schemas.metrics import API_ROLE_COUNTERS_UP, INF, STORED, WORKERS_COUNTERS_KEY, Metric, format_bound, parse_field
from topics.catalogue import (
    ONE_ORDER,
    TABLE_ADMISSIONS,
    TABLE_BUDGETS,
    TABLE_DEPLOYMENTS,
    TABLE_ROUTES,
    TABLE_RUNS,
)

Family = CounterMetricFamily | HistogramMetricFamily | GaugeMetricFamily
Values = Mapping[tuple[str, tuple[str, ...]], float]


class RoleCounters:
    """The counters of all partitions and workers, added up."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5) -> None:
        self._redis = redis
        tables = (TABLE_RUNS, TABLE_BUDGETS, TABLE_ROUTES, TABLE_DEPLOYMENTS)
        counts = dict.fromkeys(tables, partitions) | {TABLE_ADMISSIONS: ONE_ORDER}
        slots = [Slot(table, p) for table, count in counts.items() for p in range(count)]
        self._keys = [slot.counters for slot in slots] + [WORKERS_COUNTERS_KEY]
        self._timeout_s = timeout_s

    async def read(self) -> dict[str, float]:
        """Return the sum of every field. Raises ``Unavailable``."""
        pipe = self._redis.pipeline(transaction=False)
        for key in self._keys:
            pipe.hgetall(key)
        with redis_errors("read counters"):
            async with asyncio.timeout(self._timeout_s):
                hashes = await pipe.execute()
        totals: defaultdict[str, float] = defaultdict(float)
        for fields in hashes:
            for field, value in fields.items():
                totals[field.decode()] += float(value)
        return dict(totals)


async def exposition(registry: CollectorRegistry, counters: RoleCounters) -> bytes:
    """Return the text of ``/metrics``: the API's own registry, and the roles' counters if Redis answers."""
    try:
        fields, up = await counters.read(), 1.0
    except Unavailable:
        fields, up = {}, 0.0
    roles = CollectorRegistry()
    roles.register(_Snapshot([*families(fields), gauge_value(API_ROLE_COUNTERS_UP, up)]))
    return generate_latest(registry) + generate_latest(roles)


def families(fields: Mapping[str, float]) -> list[Family]:
    """Return the metric families of counter fields; fields of undeclared metrics are skipped."""
    values: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    for field, value in fields.items():
        name, labels = parse_field(field)
        values[(name, tuple(labels.values()))] += value
    return [_family(metric, values) for metric in STORED.values()]


def _family(metric: Metric, values: Values) -> Family:
    if metric.kind == "counter":
        counter = counter_family(metric.name)
        for (name, labels), value in values.items():
            if name == metric.name and len(labels) == len(metric.labels):
                counter.add_metric(labels, value)
        return counter
    histogram = histogram_family(metric.name)
    for (name, labels), count in values.items():
        if name == f"{metric.name}_count" and len(labels) == len(metric.labels):
            total = values.get((f"{metric.name}_sum", labels), 0.0)
            histogram.add_metric(labels, _cumulated(metric, labels, values, count), total)
    return histogram


def _cumulated(metric: Metric, labels: tuple[str, ...], values: Values, count: float) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    below = 0.0
    for bound in metric.buckets:
        below += values.get((f"{metric.name}_bucket", (*labels, format_bound(bound))), 0.0)
        buckets.append((format_bound(bound), below))
    return [*buckets, (INF, count)]


class _Snapshot(Collector):
    """Collects families that were built before."""

    def __init__(self, made: Iterable[Family]) -> None:
        self._made = list(made)

    def collect(self) -> Iterable[Family]:
        """Return the families."""
        return self._made
