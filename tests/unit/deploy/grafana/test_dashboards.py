"""Dashboards: generated, of the types that Grafana knows, and of names that exist."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bench.observability.grafana_queries import Asked, promql_of, sql_of
from deploy.grafana.__main__ import DIRECTORY, files, main
from deploy.grafana.model import Dashboard, Live, Panel, Prom, Sql
from deploy.grafana.pages import DASHBOARDS
from deploy.grafana.pages.live_cost import CHANNEL
from deploy.grafana.render import rendered
from schemas.settings import Settings
from services.observability.live_cost.lines import MEASUREMENT, line_of
from services.observability.live_cost.sums import OTHERS, Row
from tests.support.grafana_model import Page
from tests.support.promql import check

ROOT = Path(__file__).resolve().parents[4]
GUIDE = ["Workflow Performance", "Cost Analysis", "Resource Utilization", "Error Analysis"]
RECORDED = {
    rule["record"]
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
}
#: What the client library measures of its own process.
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
ASKED = Asked(1, 61, ["o"], "t")
PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]
NAMES = [f"{dashboard.title}: {panel.title}" for dashboard, panel in PANELS]


def test_the_committed_files_are_what_the_code_makes() -> None:
    assert {path: path.read_text("utf-8") for path in DIRECTORY.glob("*")} == dict(files()), "python -m deploy.grafana"
    assert main(["--check"]) == 0


def test_the_dashboards_of_the_guide_are_there_and_live_cost() -> None:
    assert [dashboard.title for dashboard in DASHBOARDS] == [*GUIDE, "Live Cost"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.title)
def test_a_dashboard_has_the_types_that_grafana_knows(dashboard: Dashboard) -> None:
    page = Page.model_validate_json(json.dumps(rendered(dashboard)))
    assert [panel.id for panel in page.panels] == list(range(1, len(page.panels) + 1))
    assert len({panel.title for panel in page.panels}) == len(page.panels)
    for one, other in combinations((panel.gridPos for panel in page.panels), 2):
        beside = one.x + one.w <= other.x or other.x + other.w <= one.x
        above = one.y + one.h <= other.y or other.y + other.h <= one.y
        assert beside or above, "two panels are in one place"
    assert all(panel.gridPos.x + panel.gridPos.w <= 24 for panel in page.panels)
    for panel in page.panels:
        assert [target.refId for target in panel.targets] == [chr(65 + at) for at in range(len(panel.targets))]
        assert {target.datasource.uid for target in panel.targets} == {panel.datasource.uid}


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "dollars"},
        {"kind": "graph"},
        {"height": 40},
        {"queries": [Live("no channel", "f")]},
        {"queries": [Sql("", "table")]},
    ],
)
def test_a_panel_of_another_type_is_found(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"title": "t", "kind": "stat", "unit": "s", "queries": [Prom("up")]} | change
    page = rendered(Dashboard("agentflow-x", "x", "", [Panel(**fields)]))
    with pytest.raises(ValidationError):
        Page.model_validate_json(json.dumps(page))


def test_a_panel_that_is_wider_than_the_page_is_refused() -> None:
    with pytest.raises(ValueError, match="columns wide"):
        rendered(Dashboard("agentflow-x", "x", "", [Panel("t", "stat", "s", [Prom("up")], width=25)]))


@pytest.mark.parametrize(("dashboard", "panel"), PANELS, ids=NAMES)
def test_the_queries_of_a_panel_name_what_is_declared(dashboard: Dashboard, panel: Panel) -> None:
    variables = {f"${one.name}" for one in dashboard.variables}
    for query in panel.queries:
        if isinstance(query, Prom):
            check(re.sub(r"process_\w+", "up", promql_of(query.expr, ASKED)), RECORDED)
            assert set(re.findall(r"process_\w+", query.expr)) <= PROCESS
            assert set(re.findall(r"\$(?!__)\w+", query.expr)) <= variables
        elif isinstance(query, Sql):
            sql_of(query.text, ASKED)
            assert "org_id IN (${org:singlequote})" in query.text, "a query names its organisations"
            assert {f"${name}" for name in re.findall(r"\$\{(\w+)", query.text)} <= variables
            assert bool(re.search(r"\bAS time\b", query.text)) or query.shape == "table"


def test_live_panels_look_at_the_stream_and_the_fields_that_are_pushed() -> None:
    line = line_of(Row(OTHERS, 1, 2), 1_764_403_200_000)
    pushed = set(re.findall(r"[ ,](\w+_usd)=", line))
    shown = [query for _, panel in PANELS for query in panel.queries if isinstance(query, Live)]
    assert {query.field for query in shown} == pushed
    assert {query.channel for query in shown} == {CHANNEL}
    assert f"stream/{Settings().grafana.stream}/{MEASUREMENT}" == CHANNEL


def test_links_lead_to_the_dashboard_with_the_spans_of_a_trace() -> None:
    uids = {dashboard.uid: {one.name for one in dashboard.variables} for dashboard in DASHBOARDS}
    sources = (ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "agentflow.yaml").read_text()
    text = "".join(text for _, text in files()) + sources
    links = re.findall(r"/d/([a-z-]+)\?var-(\w+)=", text)
    assert len(links) >= 2
    assert all(name in uids[uid] for uid, name in links)
    linked = [panel for _, panel in PANELS if panel.link is not None]
    assert linked
    for panel in linked:
        (query,) = panel.queries
        assert isinstance(query, Sql)
        assert panel.link is not None
        assert f"AS {panel.link.column}\n" in query.text or f"AS {panel.link.column}," in query.text


def test_histograms_show_traces() -> None:
    assert [query for _, panel in PANELS for query in panel.queries if isinstance(query, Prom) and query.exemplars]


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chek"]) == 2
    assert capsys.readouterr().err == "usage: python -m deploy.grafana [--check]\n"
