"""Fields of stored metrics: how a count or an observation is written into a Redis hash, and read again.

A field is ``metric|label=value|label2=value2``, values percent-encoded; see ``schemas.metrics``.
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote

from schemas.metrics import STORED, Metric

Labels = Iterable[tuple[str, str]]

INF = "+Inf"


def counter_field(metric: str, labels: Labels) -> str:
    """Return the field of a counter. Raises ``ValueError`` for a metric or labels that are not declared."""
    return f"{metric}{_labels(_declared(metric, 'counter'), labels)}"


def histogram_field(metric: str, labels: Labels, value: float) -> str:
    """Return the field of the smallest bucket that holds ``value``; add 1 to it."""
    return next(iter(histogram_fields(metric, labels, value)))


def histogram_fields(metric: str, labels: Labels, value: float) -> dict[str, float]:
    """Return everything that one observation adds, by field: first its bucket, then the sum and the count."""
    declared = _declared(metric, "histogram")
    suffix = _labels(declared, labels)
    bound = next((format_bound(b) for b in declared.buckets if value <= b), INF)
    return {f"{metric}_bucket{suffix}|le={bound}": 1, f"{metric}_sum{suffix}": value, f"{metric}_count{suffix}": 1}


def parse_field(field: str) -> tuple[str, dict[str, str]]:
    """Return the name and the labels in a field."""
    name, *pairs = field.split("|")
    return name, {label: unquote(value) for label, _, value in (pair.partition("=") for pair in pairs)}


def format_bound(bound: float) -> str:
    """Return a bucket's bound as it stands in ``le``."""
    return format(bound, "g")


def _labels(declared: Metric, labels: Labels) -> str:
    """Return what follows the name in every field with these labels."""
    given = dict(labels)
    if given.keys() != set(declared.labels):
        raise ValueError(f"{declared.name} has the labels {declared.labels}, not {tuple(given)}")
    return "".join(f"|{label}={quote(given[label], safe=' /:@')}" for label in declared.labels)


def _declared(metric: str, kind: str) -> Metric:
    declared = STORED.get(metric)
    if declared is None or declared.kind != kind:
        raise ValueError(f"{metric!r} is not a stored {kind} declared in schemas/metrics; declare it there")
    return declared


def exemplar_text(trace_id: str, value: float, at_ms: int) -> str:
    """Return an exemplar of a bucket as it is stored: an observation and the trace that shows it."""
    return f"{trace_id} {value!r} {at_ms}"


def parse_exemplar(text: str) -> tuple[str, float, float] | None:
    """Return the trace, the value and the time in seconds of an exemplar; ``None`` when it cannot be read."""
    parts = text.split(" ")
    try:
        return parts[0], float(parts[1]), int(parts[2]) / 1000
    except (IndexError, ValueError):
        return None
