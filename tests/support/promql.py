"""Checks which metrics and labels an expression of PromQL names. It reads names and matchers, and no grammar."""

import re
from collections.abc import Collection, Iterator

from schemas.metrics import SERVED, STORED, Metric
from schemas.metrics.labels import CLOSED, OTHER

DECLARED = {**STORED, **SERVED}
#: Labels that Prometheus adds, and its own metric.
ADDED = {"instance", "job"}
OWN = {"up"}
_SELECTOR = re.compile(r"(?<![\w:$\"])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
_KEYWORDS = {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "offset", "inf", "nan"}


class UnknownName(Exception):
    """An expression names something that is not declared."""


def check(expression: str, recorded: Collection[str] = ()) -> None:
    """Check an expression. Raises ``UnknownName``."""
    allowed = set(ADDED)
    for name, matchers in _selectors(expression):
        if name in recorded or name in OWN:
            allowed |= {"workflow", "status", "provider", "model", "outcome", "org", "budget", "scope"}
            continue
        metric, labels = _metric(name)
        allowed |= labels
        for label, operator, value in _MATCHER.findall(matchers):
            if label not in labels | ADDED:
                raise UnknownName(f"{name} has no label {label}")
            _check_value(metric, label, operator, value)
    for labels_text in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression):
        for label in filter(None, re.split(r"[,\s]+", labels_text)):
            if label not in allowed:
                raise UnknownName(f"nothing in the expression has the label {label}")


def names_of(expression: str) -> set[str]:
    """Return the names of series in an expression."""
    return {name for name, _ in _selectors(expression)}


def _selectors(expression: str) -> Iterator[tuple[str, str]]:
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    text = re.sub(r"\[[^\]]*\]|\boffset\s+\w+", " ", text)
    for found in _SELECTOR.finditer(text):
        name, matchers = found[1], found[2] or ""
        rest = text[found.end() :].lstrip()
        is_call = rest.startswith("(") and not matchers
        if not is_call and name not in _KEYWORDS and not _inside_braces(text, found.start()):
            yield name, matchers


def _inside_braces(text: str, at: int) -> bool:
    return text.count("{", 0, at) > text.count("}", 0, at)


def _metric(name: str) -> tuple[Metric, set[str]]:
    metric = DECLARED.get(name)
    if metric is not None and metric.kind != "histogram":
        return metric, set(metric.labels)
    base, _, part = name.rpartition("_")
    histogram = DECLARED.get(base)
    if histogram is None or histogram.kind != "histogram" or part not in ("bucket", "sum", "count"):
        raise UnknownName(f"{name} is no series of a declared metric")
    return histogram, set(histogram.labels) | ({"le"} if part == "bucket" else set())


def _check_value(metric: Metric, label: str, operator: str, value: str) -> None:
    if label == "le":
        known: tuple[str, ...] | None = (*map(repr, metric.buckets), "+Inf")
    else:
        known = CLOSED.get((metric.name, label))
    wanted = value.split("|") if "~" in operator else [value]
    if known is not None and not set(wanted) <= {*known, OTHER}:
        raise UnknownName(f"{metric.name}: {label} is never {value!r}")
