"""Health as metrics: what ``/ready`` says in words, for alerts."""

import time
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.prometheus.families import gauge_family, gauge_value
from schemas.metrics import DEPENDENCY_WAITING_SECONDS, EVENT_LOOP_STALL_SECONDS, READY, STALL_SECONDS
from streams.process.health import TIMERS, Health


class HealthCollector(Collector):
    """Reads the process' health at scrape time."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        health = self._health
        yield gauge_value(READY, not health.complaints())
        yield gauge_value(EVENT_LOOP_STALL_SECONDS, health.loop_still_s())
        waiting = gauge_family(DEPENDENCY_WAITING_SECONDS)
        now = time.monotonic()
        for state in health.dependencies.states():
            waiting.add_metric([state.name], state.seconds(now))
        yield waiting
        still = gauge_family(STALL_SECONDS)
        for role, view in health.views().items():
            for (topic, number), one in view.partitions.items():
                if (topic, number) != TIMERS:
                    still.add_metric([role, topic, str(number)], one.still_s)
        yield still
