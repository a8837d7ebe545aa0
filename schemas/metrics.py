"""Every metric that the roles count, declared once: name, help, labels, buckets.

A count is part of a fenced commit, so it is kept as fields of a Redis hash and not in a process. A field is
``metric|label=value|label2=value2``, values percent-encoded. A histogram has ``metric_bucket|…|le=0.5``,
``metric_sum|…`` and ``metric_count|…``; one observation adds to the smallest bucket that holds it and to no other, so a
reader sums the buckets up. The API shows all of them on ``/metrics``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

Labels = Iterable[tuple[str, str]]

#: Runs last from a few milliseconds (functions only) to hours (people, or slow models).
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
#: A small local model costs thousandths of a cent; a long chain on a large model some dollars.
_CENTS = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 10000.0)

INF = "+Inf"


@dataclass(frozen=True)
class Metric:
    """One metric. ``buckets`` are the upper bounds of a histogram, rising, without +Inf."""

    name: str
    kind: Literal["counter", "histogram"]
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


WORKFLOW_RUNS_TOTAL = "workflow_runs_total"
WORKFLOW_DURATION_SECONDS = "workflow_duration_seconds"
WORKFLOW_COST_CENTS = "workflow_cost_cents"
STEP_RETRIES_TOTAL = "step_retries_total"
STEP_SLA_MISSES_TOTAL = "step_sla_misses_total"
CACHE_HITS_TOTAL = "cache_hits_total"
PROVIDER_REQUESTS_TOTAL = "provider_requests_total"
COMPENSATION_FAILURES_TOTAL = "compensation_failures_total"
LATE_EVENTS_TOTAL = "late_events_total"
SUBMISSION_CONFLICTS_TOTAL = "submission_conflicts_total"
COST_SETTLEMENTS_TOTAL = "cost_settlements_total"
ADMISSION_DELAY_SECONDS = "admission_delay_seconds"

_DECLARED = (
    Metric(WORKFLOW_RUNS_TOTAL, "counter", "Runs that ended, by how.", ("workflow", "status")),
    Metric(
        WORKFLOW_DURATION_SECONDS,
        "histogram",
        "Time from submission to the end of a run.",
        ("workflow",),
        _SECONDS,
    ),
    Metric(WORKFLOW_COST_CENTS, "histogram", "What one run did cost, in US cents.", ("workflow",), _CENTS),
    Metric(STEP_RETRIES_TOTAL, "counter", "Attempts after a step's first one.", ("workflow", "node")),
    Metric(STEP_SLA_MISSES_TOTAL, "counter", "Steps that took longer than their sla_ms.", ("workflow", "node")),
    Metric(CACHE_HITS_TOTAL, "counter", "Model calls that an earlier answer stood in for.", ("provider", "model")),
    Metric(
        PROVIDER_REQUESTS_TOTAL,
        "counter",
        "Requests to providers, by outcome.",
        ("provider", "model", "outcome"),
    ),
    Metric(COMPENSATION_FAILURES_TOTAL, "counter", "Compensating steps that failed for good.", ("workflow", "node")),
    Metric(LATE_EVENTS_TOTAL, "counter", "Events that came when nothing waited for them any more.", ("reason",)),
    Metric(SUBMISSION_CONFLICTS_TOTAL, "counter", "Submissions in the log with a used id and another body.", ()),
    Metric(
        ADMISSION_DELAY_SECONDS,
        "histogram",
        "Time that a run with turns stood in line until it was admitted.",
        ("workflow",),
        _SECONDS,
    ),
    Metric(COST_SETTLEMENTS_TOTAL, "counter", "Settlements, by kind and by what they changed.", ("kind", "effect")),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _DECLARED}

WORKERS_COUNTERS_KEY = "{workers}:counters"
"""The Redis hash of what workers count outside of a partition's commit."""


def counter_field(metric: str, labels: Labels) -> str:
    """Return the field of a counter. Raises ``ValueError`` for a metric or labels that are not declared."""
    return _field(_declared(metric, "counter"), metric, labels)


def histogram_field(metric: str, labels: Labels, value: float) -> str:
    """Return the field of the smallest bucket that holds ``value``; add 1 to it."""
    declared = _declared(metric, "histogram")
    bound = next((format_bound(b) for b in declared.buckets if value <= b), INF)
    return f"{_field(declared, f'{metric}_bucket', labels)}|le={bound}"


def histogram_fields(metric: str, labels: Labels, value: float) -> dict[str, float]:
    """Return everything that one observation adds, by field: its bucket, the sum and the count."""
    labels = tuple(labels)
    declared = _declared(metric, "histogram")
    return {
        histogram_field(metric, labels, value): 1,
        _field(declared, f"{metric}_sum", labels): value,
        _field(declared, f"{metric}_count", labels): 1,
    }


def parse_field(field: str) -> tuple[str, dict[str, str]]:
    """Return the name and the labels in a field."""
    name, *pairs = field.split("|")
    return name, {label: unquote(value) for label, _, value in (pair.partition("=") for pair in pairs)}


def format_bound(bound: float) -> str:
    """Return a bucket's bound as it stands in ``le``."""
    return format(bound, "g")


def _field(declared: Metric, name: str, labels: Labels) -> str:
    given = dict(labels)
    if given.keys() != set(declared.labels):
        raise ValueError(f"{declared.name} has the labels {declared.labels}, not {tuple(given)}")
    return "|".join([name, *(f"{label}={quote(given[label], safe=' /:@')}" for label in declared.labels)])


def _declared(metric: str, kind: str) -> Metric:
    declared = METRICS.get(metric)
    if declared is None or declared.kind != kind:
        raise ValueError(f"{metric!r} is not a {kind} declared in schemas/metrics.py; declare it there")
    return declared
