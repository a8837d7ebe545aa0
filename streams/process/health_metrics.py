"""Health as metrics: what ``/ready`` says in words, for alerts."""

import time
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.process.health import TIMERS, Health

READY = "agentflow_ready"
DEPENDENCY_WAITING_SECONDS = "agentflow_dependency_waiting_seconds"
STILL_SECONDS = "agentflow_still_seconds"
EVENT_LOOP_STILL_SECONDS = "agentflow_event_loop_still_seconds"
NAMES = (READY, DEPENDENCY_WAITING_SECONDS, STILL_SECONDS, EVENT_LOOP_STILL_SECONDS)


class HealthCollector(Collector):
    """Reads the process' health at scrape time."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        health = self._health
        yield _one(READY, "1 while every role of the process goes on with its work", not health.complaints())
        yield _one(EVENT_LOOP_STILL_SECONDS, "For how long the event loop has not come round", health.loop_still_s())
        waiting = GaugeMetricFamily(
            DEPENDENCY_WAITING_SECONDS, "For how long a dependency has not answered", labels=["dependency"]
        )
        now = time.monotonic()
        for state in health.dependencies.states():
            waiting.add_metric([state.name], state.seconds(now))
        yield waiting
        still = GaugeMetricFamily(
            STILL_SECONDS,
            "For how long a partition's work has stood still with records to do",
            labels=["role", "topic", "partition"],
        )
        for role, view in health.views().items():
            for (topic, number), one in view.partitions.items():
                if (topic, number) != TIMERS:
                    still.add_metric([role, topic, str(number)], one.still_s)
        yield still


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))
