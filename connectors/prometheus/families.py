"""Makes the client library's metrics of the declarations in ``schemas.metrics``. Nothing else makes any.

The first three live in a registry for as long as their process; a family is filled at one scrape.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from schemas.metrics import SERVED, STORED, Metric


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """Return a counter of this process. Raises ``KeyError`` for a name that is not declared as one."""
    declared = _declared(name, "counter")
    return Counter(declared.name, declared.help, declared.labels, registry=registry)


def gauge(name: str, registry: CollectorRegistry) -> Gauge:
    """Return a gauge of this process. Raises as ``counter`` does."""
    declared = _declared(name, "gauge")
    return Gauge(declared.name, declared.help, declared.labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry) -> Histogram:
    """Return a histogram of this process. Raises as ``counter`` does."""
    declared = _declared(name, "histogram")
    return Histogram(declared.name, declared.help, declared.labels, buckets=declared.buckets, registry=registry)


def counter_family(name: str) -> CounterMetricFamily:
    """Return an empty family of counters. Raises as ``counter`` does."""
    declared = _declared(name, "counter")
    return CounterMetricFamily(declared.name, declared.help, labels=declared.labels)


def gauge_family(name: str) -> GaugeMetricFamily:
    """Return an empty family of gauges. Raises as ``counter`` does."""
    declared = _declared(name, "gauge")
    return GaugeMetricFamily(declared.name, declared.help, labels=declared.labels)


def gauge_value(name: str, value: float) -> GaugeMetricFamily:
    """Return the family of a gauge without labels that has this value. Raises as ``counter`` does."""
    declared = _declared(name, "gauge")
    return GaugeMetricFamily(declared.name, declared.help, value=float(value))


def histogram_family(name: str) -> HistogramMetricFamily:
    """Return an empty family of histograms. Raises as ``counter`` does."""
    declared = _declared(name, "histogram")
    return HistogramMetricFamily(declared.name, declared.help, labels=declared.labels)


def _declared(name: str, kind: str) -> Metric:
    declared = SERVED.get(name) or STORED.get(name)
    if declared is None or declared.kind != kind:
        raise KeyError(f"{name!r} is not a {kind} declared in schemas/metrics.py; declare it there")
    return declared
