"""Every alert fires on the series that it is for and stays silent on their neighbours: promtool says so."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.alert_cases import CASES, Case

ROOT = Path(__file__).resolve().parents[4]
RULES = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")

ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}


def test_every_alert_has_a_case() -> None:
    assert sorted(case.alert for case in CASES) == sorted(ALERTS)


def test_promtool_is_there() -> None:
    if PROMTOOL is None:
        pytest.skip("NOT CHECKED: no alert was run, since promtool is missing; install the package prometheus")
    found = subprocess.run([PROMTOOL, "check", "rules", *rule_files()], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="NOT CHECKED: promtool is missing; install the package prometheus")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_the_alert_fires_and_stays_silent(case: Case, tmp_path: Path) -> None:
    expected = {"exp_labels": case.labels | ALERTS[case.alert]["labels"], "exp_annotations": annotations(case)}
    tests = [played(case, case.fires, [expected]), played(case, case.silent, [])]
    assert run(tests, tmp_path) == ""


@pytest.mark.skipif(PROMTOOL is None, reason="NOT CHECKED: promtool is missing; install the package prometheus")
def test_an_alert_that_should_fire_and_does_not_is_found(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.alert == "HighErrorRate")
    expected = {"exp_labels": ALERTS[case.alert]["labels"], "exp_annotations": annotations(case)}
    assert "FAILED" in run([played(case, case.silent, [expected])], tmp_path)
    assert "FAILED" in run([played(case, case.fires, [])], tmp_path)


@pytest.mark.skipif(PROMTOOL is None, reason="NOT CHECKED: promtool is missing; install the package prometheus")
def test_the_guides_expression_for_costs_never_fires(tmp_path: Path) -> None:
    rule = {"alert": "Guide", "expr": "increase(workflow_cost_cents[1h]) > 10000"}
    (tmp_path / "guide.yaml").write_text(yaml.safe_dump({"groups": [{"name": "guide", "rules": [rule]}]}))
    case = next(case for case in CASES if case.alert == "HighCost")
    test = played(case, case.fires, []) | {}
    test["alert_rule_test"][0]["alertname"] = "Guide"
    assert run([test], tmp_path, [str(tmp_path / "guide.yaml")]) == ""


def rule_files() -> list[str]:
    return [str(RULES / "rules.yaml"), str(RULES / "alerts.yaml")]


def annotations(case: Case) -> dict[str, str]:
    """The annotations of an alert with the labels of a case in them."""
    made: dict[str, str] = dict(ALERTS[case.alert]["annotations"])
    for label, value in case.labels.items():
        made["summary"] = made["summary"].replace(f"{{{{ $labels.{label} }}}}", value)
    return made


def played(case: Case, series: Mapping[str, str], expected: list[dict[str, Any]]) -> dict[str, Any]:
    asked = {"eval_time": f"{case.minutes}m", "alertname": case.alert, "exp_alerts": expected}
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": "1m", "input_series": inputs, "alert_rule_test": [asked]}


def run(tests: list[dict[str, Any]], directory: Path, files: list[str] | None = None) -> str:
    """Return what promtool says of tests that fail."""
    page = directory / "tests.yaml"
    page.write_text(yaml.safe_dump({"rule_files": files or rule_files(), "evaluation_interval": "1m", "tests": tests}))
    assert PROMTOOL is not None
    command = [PROMTOOL, "test", "rules", str(page)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return "" if found.returncode == 0 else found.stdout + found.stderr
