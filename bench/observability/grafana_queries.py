"""Queries of dashboards as Grafana would send them: macros and variables replaced, a time range filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """The time range in seconds, the organisations and the trace that are chosen."""

    from_s: int
    to_s: int
    orgs: Sequence[str]
    trace: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


def sql_of(text: str, asked: Asked, interval_s: int = 10) -> str:
    """Return a statement of ClickHouse, with the macros of its data source replaced as its documentation says."""
    text = re.sub(
        r"\$__timeFilter\(([^()]*)\)", rf"(\1 >= toDateTime({asked.from_s}) AND \1 <= toDateTime({asked.to_s}))", text
    )
    text = re.sub(
        r"\$__timeInterval\(([^()]*)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {interval_s} second)", text
    )
    text = text.replace("${org:singlequote}", ",".join(_quoted(org) for org in asked.orgs))
    text = text.replace("${trace:singlequote}", _quoted(asked.trace))
    left = re.findall(r"\$\{?\w+", text)
    if left:
        raise ValueError(f"nothing replaces {left}")
    return text


def promql_of(text: str, asked: Asked, rate_interval: str = "1m") -> str:
    """Return an expression of PromQL with all workflows chosen."""
    for name, value in {"__rate_interval": rate_interval, "__range": f"{asked.to_s - asked.from_s}s"}.items():
        text = text.replace(f"${name}", value)
    text = text.replace("$workflow", ".*")
    left = re.findall(r"\$\{?\w+", text)
    if left:
        raise ValueError(f"nothing replaces {left}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
