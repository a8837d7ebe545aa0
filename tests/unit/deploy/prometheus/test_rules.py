"""Rules and alerts name what is declared: metrics, labels, closed values, recorded names, runbooks, commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from agentflow.cli.main import root as cli

from schemas.metrics import SERVED, STORED, Metric
from schemas.metrics.labels import CLOSED
from streams.roles.registry import ROLES
from tests.support.promql import UnknownName, check, names_of

ROOT = Path(__file__).resolve().parents[4]
RULES = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
GUIDE = {"HighErrorRate", "HighCost"}


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((RULES / name).read_text())["groups"] for rule in group["rules"]]


RECORDED = {rule["record"] for rule in rules("rules.yaml")}
ALERTS = rules("alerts.yaml")
EVERY = [*rules("rules.yaml"), *ALERTS]


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.get("record") or rule["alert"])
def test_a_rule_names_what_is_declared(rule: dict[str, Any]) -> None:
    check(rule["expr"], RECORDED)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(workflow_runs[5m])",
        "increase(workflow_cost_cents[1h])",
        "workflow_runs_total_bucket",
        'workflow_runs_total{state="failed"}',
        'workflow_runs_total{status="broken"}',
        'workflow_runs_total{status=~"failed|done"}',
        "sum by (model) (workflow_runs_total)",
        "agentflow:runs:rate7m",
        'workflow_duration_seconds_bucket{le="60"}',
    ],
)
def test_a_rule_that_names_something_else_is_found(expression: str) -> None:
    with pytest.raises(UnknownName):
        check(expression, RECORDED)


def test_the_guides_alerts_are_there_and_fifteen_more() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)
    assert set(names) >= GUIDE
    assert len(names) >= len(GUIDE) + 15


def test_every_recorded_name_is_used_or_is_a_series_to_look_at() -> None:
    used = {name for rule in ALERTS for name in names_of(rule["expr"])}
    pages = "".join(page.read_text() for page in RUNBOOKS.glob("*.md"))
    assert {name for name in RECORDED if name not in used and name not in pages} == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_a_summary_and_a_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "warning"}, {"severity": "critical"})
    assert rule["annotations"].keys() == {"summary", "runbook_url"}
    assert not rule["annotations"]["summary"].endswith(".")
    page = ROOT / "docs" / rule["annotations"]["runbook_url"]
    assert page.parent == RUNBOOKS
    assert page.read_text().startswith(f"# {rule['alert']}\n")


def test_every_runbook_has_an_alert_and_is_listed() -> None:
    pages = {page.name for page in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert pages == {Path(rule["annotations"]["runbook_url"]).name for rule in ALERTS}
    index = (RUNBOOKS / "README.md").read_text()
    assert [page for page in sorted(pages) if f"({page})" not in index] == []


class Step(NamedTuple):
    page: str
    words: list[str]


def commands() -> Iterator[Step]:
    for page in RUNBOOKS.glob("*.md"):
        for line in re.findall(r"`agentctl ([^`]*)`", page.read_text()):
            yield Step(page.name, line.split())


def test_the_commands_of_the_runbooks_exist() -> None:
    found = list(commands())
    assert len(found) > 15
    for page, all_words in found:
        words: list[str] = all_words
        command: Any = cli
        context = cli.make_context("agentctl", [], resilient_parsing=True)
        while words and hasattr(command, "get_command"):
            name, *words = words
            command = command.get_command(context, name)
            assert command is not None, f"{page}: agentctl has no {name}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, page


def test_the_queries_of_the_runbooks_name_what_is_declared() -> None:
    checked = 0
    for page in RUNBOOKS.glob("*.md"):
        for code in re.findall(r"`([^`]*)`", page.read_text()):
            if re.search(r"agentflow_|agentflow:|workflow_\w+_(total|bucket|seconds)", code) and "(" in code:
                check(code, RECORDED)
                checked += 1
    assert checked > 5


def test_prometheus_scrapes_every_role_of_the_compose_file() -> None:
    jobs = {job["job_name"]: job for job in yaml.safe_load((RULES / "prometheus.yml").read_text())["scrape_configs"]}
    assert set(jobs["agentflow-roles"]["dns_sd_configs"][0]["names"]) == set(ROLES)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert jobs["agentflow-roles"]["dns_sd_configs"][0]["port"] == int(compose["x-role"]["environment"]["METRICS_PORT"])
    assert jobs["agentflow-api"]["static_configs"] == [{"targets": ["control-plane:8080"]}]


def test_the_example_of_alertmanager_names_alerts_that_exist() -> None:
    page = (RULES / "alertmanager.example.yml").read_text()
    named = {one for names in re.findall(r'alertname=~?"([^"]+)"', page) for one in names.split("|")}
    assert named
    assert named <= {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("metric", [*STORED.values(), *SERVED.values()], ids=lambda metric: metric.name)
def test_closed_values_are_of_labels_that_the_metric_has(metric: Metric) -> None:
    assert all(label in metric.labels for name, label in CLOSED if name == metric.name)
