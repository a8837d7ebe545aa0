"""Makes the client library's metrics of the declarations in ``schemas.metrics``. Nothing else makes any.

The first three live in a registry for as long as their process; a family is filled at one scrape.
"""

from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from schemas.metrics import SERVED, STORED, Metric
from schemas.metrics.labels import CLOSED

# A second series for each counter and histogram, which says when it began: nothing here reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """Return a counter of this process. Raises ``KeyError`` for a name that is not declared as one.

    One whose labels are all closed begins with zeros, so that the first event is an increase.
    """
    declared = _declared(name, "counter")
    made = Counter(declared.name, declared.help, declared.labels, registry=registry)
    if declared.labels:
        for values in product(*(CLOSED.get((name, label), ()) for label in declared.labels)):
            made.labels(*values)
    return made


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
        raise KeyError(f"{name!r} is not a {kind} declared in schemas/metrics; declare it there")
    return declared
