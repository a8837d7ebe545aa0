"""What every role serves on its own ``/metrics``: its partitions, lag, pauses and dead letters."""

import logging
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.runtime.sink_agent import SinkAgent
from streams.runtime.table_agent import TableAgent
from streams.runtime.transport import PollApp

log = logging.getLogger(__name__)

PARTITION_STATUS = "agentflow_partition_status"
LAG_RECORDS = "agentflow_lag_records"
PAUSED_PARTITIONS = "agentflow_paused_partitions"
QUARANTINED_KEYS = "agentflow_quarantined_keys"
DEAD_LETTERS_TOTAL = "agentflow_dead_letters_total"


class RoleCollector(Collector):
    """Reads the agents of the roles in this process at scrape time."""

    def __init__(self, apps: Callable[[], Iterable[tuple[str, PollApp]]]) -> None:
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
        for role, app in self._apps():
            handler = app.handler
            if isinstance(handler, TableAgent):
                owned = handler.partitions()
                for partition, one in owned.items():
                    status.add_metric([role, str(partition), one.status.value], 1)
                aside.add_metric([role], sum(len(o.quarantine) for o in owned.values()))
            paused.add_metric([role], len(handler.paused()))
            if isinstance(handler, (TableAgent, SinkAgent)):
                for reason, count in handler.dead_letters().items():
                    dead.add_metric([role, reason], count)
            for (topic, partition), records in app.lags().items():
                lag.add_metric([role, topic, str(partition)], records)
        return [status, lag, paused, aside, dead]


def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve a registry over HTTP in a thread; return the port taken and how to stop. ``port`` 0 takes a free one."""
    server, thread = start_http_server(port, addr=host, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

    return server.server_port, stop
