"""Prometheus metrics of tools, served by the worker that runs them::

    from connectors.tools import METRICS

    CALLS = Counter("weather_calls_total", "Forecasts asked for", ["city"], registry=METRICS)

Names that start as the worker's own do (``RESERVED``) are not served from here.
"""

import logging
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

RESERVED = ("agentflow_", "process_", "python_")

METRICS = CollectorRegistry()
"""The registry where tools and functions register their metrics."""


class ToolMetrics(Collector):
    """Reads the tools' metrics at scrape time. A collector that raises costs its own lines, not the page."""

    def __init__(self, metrics: CollectorRegistry = METRICS) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the tools' metrics are only known at run time."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        try:
            return [metric for metric in self._metrics.collect() if not metric.name.startswith(RESERVED)]
        except Exception as exc:  # noqa: BLE001 - a tool's own collector may raise anything
            log.warning("the tools' metrics cannot be read: %r", exc, extra={"action": "tool_metrics_broken"})
            return []
