"""Stored metrics as families of the client library: fields added up, bounded, with zeros and exemplars.

Counters whose other values are written down (``schemas.metrics.labels.CLOSED``) begin with zeros, so that the first
failure of a workflow is an increase and not a series that begins at 1, of which Prometheus sees no increase.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily

from connectors.prometheus.families import counter_family, histogram_family
from connectors.prometheus.places import OpenSet, Places
from schemas.metrics import STORED, Metric
from schemas.metrics.fields import INF, format_bound, parse_exemplar, parse_field
from schemas.metrics.labels import CLOSED, OPEN, OTHER, open_labels

Family = CounterMetricFamily | HistogramMetricFamily | GaugeMetricFamily
#: The values of a metric's labels, in their order.
Values = tuple[str, ...]


@dataclass
class _Series:
    """One set of values: what a counter counted, or a histogram's sum, count, buckets and their exemplars."""

    value: float = 0
    total: float = 0
    buckets: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    exemplars: dict[str, Exemplar] = field(default_factory=dict)


def families(
    fields: Mapping[str, float], exemplars: Mapping[str, str] | None = None, places: Places | None = None
) -> list[Family]:
    """Return the families of all stored metrics; fields of metrics or labels that are not declared are skipped."""
    places = places or Places()
    found: dict[str, dict[Values, _Series]] = {name: {} for name in STORED}
    for name, amount in fields.items():
        _take(found, name, amount)
    for name, text in (exemplars or {}).items():
        _take_exemplar(found, name, text)
    return [_family(metric, _bounded(metric, found[metric.name], places)) for metric in STORED.values()]


def _take(found: dict[str, dict[Values, _Series]], name: str, amount: float) -> None:
    place = _place(name)
    if place is None:
        return
    metric, part, values, bound = place
    one = found[metric.name].setdefault(values, _Series())
    if part == "bucket":
        one.buckets[bound] += amount
    elif part == "sum":
        one.total += amount
    else:
        one.value += amount


def _take_exemplar(found: dict[str, dict[Values, _Series]], name: str, text: str) -> None:
    place = _place(name)
    if place is None or place[1] != "bucket" or place[2] not in found[place[0].name]:
        return
    exemplar = parse_exemplar(text)
    if exemplar is not None:
        trace, value, seconds = exemplar
        found[place[0].name][place[2]].exemplars[place[3]] = Exemplar({"trace_id": trace}, value, seconds)


def _place(name: str) -> tuple[Metric, str, Values, str] | None:
    """Return the metric of a field, the part of a histogram, the values of its labels, and the bound of a bucket."""
    full, labels = parse_field(name)
    base, _, part = full.rpartition("_")
    metric = STORED.get(full)
    if metric is None or metric.kind != "counter":
        metric = STORED.get(base)
        if metric is None or metric.kind != "histogram" or part not in ("bucket", "sum", "count"):
            return None
    else:
        part = ""
    bound = labels.pop("le", "")
    if labels.keys() != set(metric.labels) or (part == "bucket") != bool(bound):
        return None
    return metric, part, tuple(labels[label] for label in metric.labels), bound


def _bounded(metric: Metric, series: Mapping[Values, _Series], places: Places) -> dict[Values, _Series]:
    names = open_labels(metric)
    if not names:
        return dict(series)
    sizes: defaultdict[OpenSet, float] = defaultdict(float)
    for values, one in series.items():
        sizes[_open(metric, values)] += one.value
    places.give(metric.name, sizes)
    shown: dict[Values, _Series] = {}
    for values, one in series.items():
        named = places.has(metric.name, _open(metric, values))
        _add(shown.setdefault(values if named else _others(metric, values), _Series()), one)
    return shown


def _open(metric: Metric, values: Values) -> OpenSet:
    return tuple(value for label, value in zip(metric.labels, values, strict=True) if label in OPEN)


def _others(metric: Metric, values: Values) -> Values:
    return tuple(OTHER if label in OPEN else value for label, value in zip(metric.labels, values, strict=True))


def _add(to: _Series, one: _Series) -> None:
    to.value += one.value
    to.total += one.total
    to.exemplars.update(one.exemplars)
    for bound, count in one.buckets.items():
        to.buckets[bound] += count


def _family(metric: Metric, series: dict[Values, _Series]) -> Family:
    if metric.kind == "counter":
        counter = counter_family(metric.name)
        for values in _zeros(metric, series):
            series.setdefault(values, _Series())
        for values, one in series.items():
            counter.add_metric(values, one.value)
        return counter
    histogram = histogram_family(metric.name)
    for values, one in series.items():
        histogram.add_metric(values, list(_buckets(metric, one)), one.total)
    return histogram


def _zeros(metric: Metric, series: Iterable[Values]) -> Iterator[Values]:
    """Yield the sets that are there from the start, or as soon as one with the same open values is."""
    closed = [CLOSED.get((metric.name, label)) for label in metric.labels]
    if any(values is None and label not in OPEN for label, values in zip(metric.labels, closed, strict=True)):
        return
    if not any(closed):
        yield from [()] if not metric.labels else []
        return
    seen = {_open(metric, values) for values in series} if open_labels(metric) else {()}
    for one in seen:
        rest = iter(one)
        yield from product(*((next(rest),) if values is None else values for values in closed))


def _buckets(metric: Metric, one: _Series) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    below = 0.0
    for bound in metric.buckets:
        below += one.buckets.get(format_bound(bound), 0.0)
        # With a point, as OpenMetrics requires: 1.0 and not 1.
        yield _with_exemplar(repr(bound), below, one.exemplars.get(format_bound(bound)))
    yield _with_exemplar(INF, one.value, one.exemplars.get(INF))


def _with_exemplar(
    bound: str, count: float, exemplar: Exemplar | None
) -> tuple[str, float] | tuple[str, float, Exemplar]:
    return (bound, count) if exemplar is None else (bound, count, exemplar)
