"""What a dashboard is made of: queries, panels with a unit, rows of them, variables. No JSON here; see ``render``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: The uids under which ``provisioning/datasources`` makes the data sources.
PROMETHEUS, CLICKHOUSE = "agentflow-prometheus", "agentflow-clickhouse"
WIDTH = 24

PanelKind = Literal["timeseries", "stat", "bargauge", "table"]
#: Units by Grafana's names.
Unit = Literal["short", "s", "ms", "bytes", "Bps", "percentunit", "currencyUSD", "reqps", "ops", "cpm", "none"]


@dataclass(frozen=True)
class Prom:
    """A query of Prometheus. ``legend`` names a series; ``exemplars`` shows traces as points."""

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False


@dataclass(frozen=True)
class Sql:
    """A query of ClickHouse with Grafana's macros: a series has the columns time, names and one value."""

    text: str
    shape: Literal["timeseries", "table"] = "timeseries"


@dataclass(frozen=True)
class Live:
    """A stream of Grafana Live, and the field of it that is shown."""

    channel: str
    field: str


Query = Prom | Sql | Live


@dataclass(frozen=True)
class TraceLink:
    """A column whose values are ids of traces: each leads to the spans of its trace."""

    column: str


@dataclass(frozen=True)
class Panel:
    """A panel. ``width`` is of 24 columns; ``says`` is shown as its description."""

    title: str
    kind: PanelKind
    unit: Unit
    queries: Sequence[Query]
    says: str = ""
    width: int = 12
    height: int = 8
    link: TraceLink | None = None
    stacked: bool = False


@dataclass(frozen=True)
class PromVariable:
    """A list of the values of a label, from which any may be chosen."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True)
class SqlVariable:
    """A list that a query of ClickHouse gives."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class TextVariable:
    """A text that is typed, or given by a link."""

    name: str
    label: str


Variable = PromVariable | SqlVariable | TextVariable


@dataclass(frozen=True)
class Dashboard:
    """A dashboard; its panels stand from left to right, in rows of 24 columns."""

    uid: str
    title: str
    says: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = ()
    refresh: str = "30s"
    since: str = "now-1h"
