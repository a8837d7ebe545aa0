"""``docs/reference/metrics.md``: every metric with its kind, labels and help, from ``schemas.metrics``."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.metrics import SERVED, STORED, Metric
from schemas.metrics.labels import CLOSED, MEANINGS, MOST_SETS, OPEN, OTHER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"

HEAD = f"""# Metrics

Every metric of AgentFlow. This page is generated (`python -m deploy.prometheus`) from `schemas/metrics`, where each is
declared once. [Monitoring](../how-to/monitoring.md) connects Prometheus; [operations](../how-to/operations.md#metrics)
says what to look at.

- Names are `agentflow_<role>_<what>_<unit>`; the six of the guide have its names. Units are seconds, bytes, ratios,
  nano-dollars (a billionth of a US dollar) and what is counted; counters end in `_total`.
- Labels marked *open* have values that users choose. A page shows at most {MOST_SETS} sets of open values for each
  metric, the largest first, and adds up the rest as `{OTHER}`. A set keeps its place until the process ends.
- Counters with closed labels begin with zeros, so that the first event is an increase.
- Histograms carry exemplars, the id of a trace for each bucket, for those who accept OpenMetrics: Prometheus does.
- The pages need no key. The API's shows names of workflows and ids of budgets, and that of `live-cost` organisations,
  too: keep them in your network.
"""
_STORED = """
## Of the whole deployment

Counted in the commits of tables and by workers, kept in Redis, and shown by the API on `/metrics`. Every process of the
API shows the same numbers, so take `max without (instance)` before a sum. A restore counts again what the log still
holds.
"""
_SERVED = """
## Of each process

Shown by each process for itself: by stream roles on `METRICS_PORT`, those of the API with the others.
"""
_LABELS = """
## Labels

| label | says | values |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, _STORED, *_table(STORED), _SERVED, *_table(SERVED), _LABELS, *_labels()]
    return "".join(parts)


def _table(metrics: Mapping[str, Metric]) -> Iterator[str]:
    yield "\n| metric | kind | labels | |\n|---|---|---|---|\n"
    for metric in metrics.values():
        labels = ", ".join(f"{label} (*open*)" if label in OPEN else label for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help}{_buckets(metric)} |\n"


def _buckets(metric: Metric) -> str:
    if not metric.buckets:
        return ""
    return f" Buckets: {', '.join(format(bound, 'g') for bound in metric.buckets)}."


def _labels() -> Iterator[str]:
    used = {label for metric in (*STORED.values(), *SERVED.values()) for label in metric.labels}
    for label in sorted(used):
        yield f"| `{label}` | {MEANINGS[label]} | {_values(label)} |\n"


def _values(label: str) -> str:
    if label in OPEN:
        return f"open, and `{OTHER}`"
    closed = [(metric, values) for (metric, name), values in CLOSED.items() if name == label]
    return "; ".join(f"`{metric}`: {', '.join(values)}" for metric, values in closed)
