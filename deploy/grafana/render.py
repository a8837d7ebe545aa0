"""Dashboards as the JSON that Grafana imports (schema 39, Grafana 11 and 12)."""

from collections.abc import Iterator, Sequence
from typing import Any

from deploy.grafana.model import (
    CLICKHOUSE,
    PROMETHEUS,
    WIDTH,
    Dashboard,
    Panel,
    Prom,
    PromVariable,
    Query,
    Sql,
    SqlVariable,
    TextVariable,
    Variable,
)

Json = dict[str, Any]

SCHEMA = 39
#: By it the dashboards find each other.
TAG = "agentflow"
CLICKHOUSE_TYPE = "grafana-clickhouse-datasource"
CLICKHOUSE_VERSION = "4.8.0"
#: The dashboard with the spans of one trace, and its variable.
TRACE_URL = "/d/agentflow-errors?var-trace=${__value.raw}&${__url_time_range}"
_LIVE_BUFFER_MS = 600_000


def rendered(dashboard: Dashboard) -> Json:
    """Return a dashboard's JSON. Raises ``ValueError`` for a panel that is wider than the page."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": dashboard.refresh,
        "time": {"from": dashboard.since, "to": "now"},
        "annotations": {"list": []},
        "links": [_other_dashboards()],
        "templating": {"list": [_variable(one) for one in dashboard.variables]},
        "panels": list(_placed(dashboard.panels)),
    }


def _placed(panels: Sequence[Panel]) -> Iterator[Json]:
    x = y = row = 0
    for number, panel in enumerate(panels, 1):
        if not 0 < panel.width <= WIDTH:
            raise ValueError(f"{panel.title}: a panel is 1 to {WIDTH} columns wide, not {panel.width}")
        if x + panel.width > WIDTH:
            x, y, row = 0, y + row, 0
        yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height})
        x, row = x + panel.width, max(row, panel.height)


def _panel(panel: Panel, number: int, place: Json) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": _source(panel.queries[0]),
        "targets": [_target(query, chr(ord("A") + at)) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": {"unit": panel.unit} | _custom(panel), "overrides": _overrides(panel)},
        "options": _options(panel),
    }


def _custom(panel: Panel) -> Json:
    if panel.kind != "timeseries":
        return {}
    stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    return {
        "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "stacking": stacking}
    }


def _overrides(panel: Panel) -> list[Json]:
    if panel.link is None:
        return []
    link = {"title": "Spans of the trace", "url": TRACE_URL, "targetBlank": False}
    return [
        {
            "matcher": {"id": "byName", "options": panel.link.column},
            "properties": [{"id": "links", "value": [link]}],
        }
    ]


def _options(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if panel.kind == "stat":
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
    return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "gradient"}


def _source(query: Query) -> Json:
    if isinstance(query, Prom):
        return {"type": "prometheus", "uid": PROMETHEUS}
    if isinstance(query, Sql):
        return {"type": CLICKHOUSE_TYPE, "uid": CLICKHOUSE}
    return {"type": "datasource", "uid": "grafana"}


def _target(query: Query, ref: str) -> Json:
    common: Json = {"refId": ref, "datasource": _source(query)}
    if isinstance(query, Prom):
        return common | {
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": query.instant,
            "range": not query.instant,
            "exemplar": query.exemplars,
            "editorMode": "code",
        }
    if isinstance(query, Sql):
        return common | {
            "rawSql": query.text,
            "editorType": "sql",
            "queryType": query.shape,
            "format": 0 if query.shape == "timeseries" else 1,
            "pluginVersion": CLICKHOUSE_VERSION,
        }
    return common | {
        "queryType": "measurements",
        "channel": query.channel,
        "buffer": _LIVE_BUFFER_MS,
        "filter": {"fields": ["time", "labels", query.field]},
    }


def _variable(variable: Variable) -> Json:
    made: Json = {"name": variable.name, "label": variable.label, "hide": 0}
    if isinstance(variable, TextVariable):
        return made | {"type": "textbox", "query": "", "current": {"text": "", "value": ""}}
    made |= {
        "type": "query",
        "multi": True,
        "includeAll": True,
        "refresh": 2,
        "sort": 1,
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    if isinstance(variable, SqlVariable):
        return made | {"datasource": {"type": CLICKHOUSE_TYPE, "uid": CLICKHOUSE}, "query": variable.text}
    return made | _of_prometheus(variable)


def _of_prometheus(variable: PromVariable) -> Json:
    query = f"label_values({variable.metric}, {variable.name})"
    return {
        "datasource": {"type": "prometheus", "uid": PROMETHEUS},
        "query": {"query": query, "refId": "A", "qryType": 1},
        "definition": query,
        "allValue": ".*",
    }


def _other_dashboards() -> Json:
    return {
        "type": "dashboards",
        "title": "AgentFlow",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
