# ruff: noqa: N815 - the names are those of the JSON
"""The part of Grafana's dashboard JSON that is used, as strict models: a key or a value that is not here is a mistake.

Written after the schema of Grafana 11 and 12 (dashboard schema 39); no Grafana reads it in these tests.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Knows all its keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Source(Strict):
    type: Literal["prometheus", "grafana-clickhouse-datasource", "datasource"]
    uid: Literal["agentflow-prometheus", "agentflow-clickhouse", "grafana"]


class PromTarget(Strict):
    refId: Annotated[str, Field(pattern="^[A-Z]$")]
    datasource: Source
    expr: Annotated[str, Field(min_length=1)]
    legendFormat: str
    instant: bool
    range: bool
    exemplar: bool
    editorMode: Literal["code"]


class SqlTarget(Strict):
    refId: Annotated[str, Field(pattern="^[A-Z]$")]
    datasource: Source
    rawSql: Annotated[str, Field(min_length=1)]
    editorType: Literal["sql"]
    queryType: Literal["timeseries", "table"]
    format: Literal[0, 1]
    pluginVersion: str


class LiveFilter(Strict):
    fields: list[str]


class LiveTarget(Strict):
    refId: Annotated[str, Field(pattern="^[A-Z]$")]
    datasource: Source
    queryType: Literal["measurements"]
    channel: Annotated[str, Field(pattern="^stream/[a-z]+/[a-z_]+$")]
    buffer: Annotated[int, Field(gt=0)]
    filter: LiveFilter


class Place(Strict):
    x: Annotated[int, Field(ge=0, lt=24)]
    y: Annotated[int, Field(ge=0)]
    w: Annotated[int, Field(ge=1, le=24)]
    h: Annotated[int, Field(ge=2, le=20)]


class Stacking(Strict):
    mode: Literal["none", "normal"]
    group: str


class Custom(Strict):
    drawStyle: Literal["line"]
    lineWidth: int
    fillOpacity: int
    showPoints: Literal["auto"]
    stacking: Stacking


class Defaults(Strict):
    unit: Literal["short", "s", "ms", "bytes", "Bps", "percentunit", "currencyUSD", "reqps", "ops", "cpm", "none"]
    custom: Custom | None = None


class Matcher(Strict):
    id: Literal["byName"]
    options: str


class DataLink(Strict):
    title: str
    url: Annotated[str, Field(pattern=r"^/d/agentflow-[a-z-]+\?")]
    targetBlank: bool


class Property(Strict):
    id: Literal["links"]
    value: list[DataLink]


class Override(Strict):
    matcher: Matcher
    properties: list[Property]


class FieldConfig(Strict):
    defaults: Defaults
    overrides: list[Override]


class Legend(Strict):
    displayMode: Literal["list"]
    placement: Literal["bottom"]
    showLegend: bool
    calcs: list[str]


class Tooltip(Strict):
    mode: Literal["multi"]
    sort: Literal["desc"]


class SeriesOptions(Strict):
    legend: Legend
    tooltip: Tooltip


class TableOptions(Strict):
    showHeader: bool
    cellHeight: Literal["sm"]


class Reduce(Strict):
    calcs: list[Literal["lastNotNull"]]
    fields: str
    values: bool


class StatOptions(Strict):
    reduceOptions: Reduce
    colorMode: Literal["value"]
    graphMode: Literal["area"]
    textMode: Literal["auto"]


class GaugeOptions(Strict):
    reduceOptions: Reduce
    orientation: Literal["horizontal"]
    displayMode: Literal["gradient"]


class PanelBase(Strict):
    id: int
    title: Annotated[str, Field(min_length=1)]
    description: str
    gridPos: Place
    datasource: Source
    targets: Annotated[list[PromTarget | SqlTarget | LiveTarget], Field(min_length=1)]
    fieldConfig: FieldConfig


class SeriesPanel(PanelBase):
    type: Literal["timeseries"]
    options: SeriesOptions


class StatPanel(PanelBase):
    type: Literal["stat"]
    options: StatOptions


class TablePanel(PanelBase):
    type: Literal["table"]
    options: TableOptions


class GaugePanel(PanelBase):
    type: Literal["bargauge"]
    options: GaugeOptions


AnyPanel = Annotated[SeriesPanel | StatPanel | TablePanel | GaugePanel, Field(discriminator="type")]


class Current(Strict):
    text: str | list[str]
    value: str | list[str]


class TextVariable(Strict):
    type: Literal["textbox"]
    name: str
    label: str
    hide: Literal[0]
    query: str
    current: Current


class QueryVariable(Strict):
    type: Literal["query"]
    name: str
    label: str
    hide: Literal[0]
    multi: bool
    includeAll: bool
    refresh: Literal[2]
    sort: Literal[1]
    current: Current
    datasource: Source
    query: str | dict[str, Any]
    definition: str = ""
    allValue: str = ""


class Templating(Strict):
    list: list[Annotated[TextVariable | QueryVariable, Field(discriminator="type")]]


class Annotations(Strict):
    list: list[Any]


class TimeRange(Strict):
    from_: Annotated[str, Field(alias="from", pattern=r"^now-\d+[mhd]$")]
    to: Literal["now"]


class DashboardLink(Strict):
    type: Literal["dashboards"]
    title: str
    tags: list[str]
    asDropdown: bool
    includeVars: bool
    keepTime: bool
    targetBlank: bool
    icon: str
    tooltip: str
    url: str


class Page(Strict):
    """A dashboard."""

    uid: Annotated[str, Field(pattern="^agentflow-[a-z-]{1,30}$")]
    title: str
    description: str
    tags: list[str]
    schemaVersion: Literal[39]
    version: Literal[1]
    editable: bool
    graphTooltip: Literal[0, 1, 2]
    timezone: Literal["browser"]
    refresh: Annotated[str, Field(pattern=r"^\d+[sm]$")]
    time: TimeRange
    annotations: Annotations
    links: list[DashboardLink]
    templating: Templating
    panels: list[AnyPanel]
