"""What every role serves on its own ``/metrics``: its partitions, lag, pauses and dead letters."""

import logging
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.aio.clock import WallClock
from streams.process.role import RoleApp
from streams.runtime.sink import SinkAgent
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.partition import OwnedPartition

log = logging.getLogger(__name__)

PARTITION_STATUS = "agentflow_partition_status"
LAG_RECORDS = "agentflow_lag_records"
PAUSED_PARTITIONS = "agentflow_paused_partitions"
QUARANTINED_KEYS = "agentflow_quarantined_keys"
DEAD_LETTERS_TOTAL = "agentflow_dead_letters_total"
TAKE_SECONDS = "agentflow_take_seconds"
CHECKPOINT_AGE_SECONDS = "agentflow_checkpoint_age_seconds"
CHECKPOINT_BYTES = "agentflow_checkpoint_bytes"
RESTORED_RECORDS = "agentflow_restored_records"
NAMES = (
    PARTITION_STATUS,
    LAG_RECORDS,
    PAUSED_PARTITIONS,
    QUARANTINED_KEYS,
    DEAD_LETTERS_TOTAL,
    TAKE_SECONDS,
    CHECKPOINT_AGE_SECONDS,
    CHECKPOINT_BYTES,
    RESTORED_RECORDS,
)

#: A resumed partition takes some milliseconds, a restore from the start of a long log up to many minutes.
_TAKE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class TakeTimes:
    """How long it took from an assignment until a partition was folded on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            TAKE_SECONDS,
            "From the assignment of a partition until it is folded on, by how: resumed, or restored from the log",
            ("role", "how"),
            buckets=_TAKE_BUCKETS,
            registry=registry,
        )

    def of(self, role: str) -> Callable[[float, bool], None]:
        """Return what notes one take of a role: its seconds, and whether it was a restore."""

        def note(seconds: float, restored: bool) -> None:
            self._seconds.labels(role, "restored" if restored else "resumed").observe(seconds)

        return note


class _TableMetrics:
    """What an owner's checkpoints and its last take were like."""

    def __init__(self) -> None:
        labels = ["role", "partition"]
        self._now_ms = WallClock().now_ms()
        self._age = GaugeMetricFamily(
            CHECKPOINT_AGE_SECONDS, "Since the newest checkpoint, if the table has changed since, else 0", labels=labels
        )
        self._bytes = GaugeMetricFamily(CHECKPOINT_BYTES, "Size of the owner's last checkpoint", labels=labels)
        self._restored = GaugeMetricFamily(
            RESTORED_RECORDS, "Records of checkpoint and log that the take restored from", labels=labels
        )
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
        status = GaugeMetricFamily(
            PARTITION_STATUS, "1 for the status that an owned partition has", labels=["role", "partition", "status"]
        )
        lag = GaugeMetricFamily(LAG_RECORDS, "Records not yet processed", labels=["role", "topic", "partition"])
        paused = GaugeMetricFamily(
            PAUSED_PARTITIONS, "Partitions that wait for an upgrade of the role", labels=["role"]
        )
        aside = GaugeMetricFamily(QUARANTINED_KEYS, "Keys set aside by a failing fold", labels=["role"])
        dead = CounterMetricFamily(
            DEAD_LETTERS_TOTAL, "Records set aside since the start, by reason", labels=["role", "reason"]
        )
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
