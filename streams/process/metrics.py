"""What every role serves on its own ``/metrics``: its partitions, lag, pauses and dead letters."""

import logging
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.aio.clock import WallClock
from connectors.prometheus.families import counter_family, gauge_family, histogram
from schemas.metrics import (
    CHECKPOINT_AGE_SECONDS,
    CHECKPOINT_BYTES,
    DEAD_LETTERS_TOTAL,
    LAG_RECORDS,
    PARTITION_STATUS,
    PAUSED_PARTITIONS,
    QUARANTINED_KEYS,
    RESTORED_RECORDS,
    TAKEOVER_SECONDS,
)
from streams.process.role import RoleApp
from streams.runtime.sink import SinkAgent
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.partition import OwnedPartition

log = logging.getLogger(__name__)


class TakeTimes:
    """How long it took from an assignment until a partition was folded on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = histogram(TAKEOVER_SECONDS, registry)

    def of(self, role: str) -> Callable[[float, bool], None]:
        """Return what notes one take of a role: its seconds, and whether it was a restore."""

        def note(seconds: float, restored: bool) -> None:
            self._seconds.labels(role, "restored" if restored else "resumed").observe(seconds)

        return note


class _TableMetrics:
    """What an owner's checkpoints and its last take were like."""

    def __init__(self) -> None:
        self._now_ms = WallClock().now_ms()
        self._age = gauge_family(CHECKPOINT_AGE_SECONDS)
        self._bytes = gauge_family(CHECKPOINT_BYTES)
        self._restored = gauge_family(RESTORED_RECORDS)
        self.families = [self._age, self._bytes, self._restored]

    def add(self, role: str, owned: OwnedPartition) -> None:
        """Add one partition."""
        labels, saved = [role, str(owned.partition)], owned.saved
        since_ms = saved.marker.at_ms if saved.marker is not None else saved.taken_ms
        waits = bool(owned.dirty) and since_ms > 0
        self._age.add_metric(labels, (self._now_ms - since_ms) / 1000 if waits else 0)
        self._bytes.add_metric(labels, saved.bytes)
        self._restored.add_metric(labels, owned.restored_records)


class RoleCollector(Collector):
    """Reads the agents of the roles in this process at scrape time."""

    def __init__(self, apps: Callable[[], Iterable[tuple[str, RoleApp]]]) -> None:
        self._apps = apps

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        status, lag = gauge_family(PARTITION_STATUS), gauge_family(LAG_RECORDS)
        paused, aside = gauge_family(PAUSED_PARTITIONS), gauge_family(QUARANTINED_KEYS)
        dead = counter_family(DEAD_LETTERS_TOTAL)
        tables = _TableMetrics()
        for role, app in self._apps():
            handler = app.handler
            if isinstance(handler, TableAgent):
                owned = handler.partitions()
                for partition, one in owned.items():
                    status.add_metric([role, str(partition), one.status.value], 1)
                    tables.add(role, one)
                aside.add_metric([role], sum(len(o.quarantine) for o in owned.values()))
            paused.add_metric([role], len(handler.paused()))
            if isinstance(handler, (TableAgent, SinkAgent)):
                for reason, count in handler.dead_letters().items():
                    dead.add_metric([role, reason], count)
            for (topic, partition), records in app.lags().items():
                lag.add_metric([role, topic, str(partition)], records)
        return [status, lag, paused, aside, dead, *tables.families]
