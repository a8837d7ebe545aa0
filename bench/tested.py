"""Figures that tests of this checkout measure: recorded as properties, which pytest writes into a JUnit file."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bench.lines import BenchError
from bench.results import ROOT


@dataclass(frozen=True)
class Outcomes:
    """What some tests gave: how many passed, which did not and why, and the figures they recorded by name."""

    passed: int
    failed: dict[str, str]
    figures: dict[str, float]


def run_tests(*tests: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Outcomes:
    """Run tests by their ids, the exhaustive ones too. ``env`` adds to their environment.

    Raises ``BenchError`` when none ran or one was skipped.
    """
    with tempfile.TemporaryDirectory(prefix="agentflow-tested-") as folder:
        report = Path(folder) / "report.xml"
        # The newer kind of report has no properties of single tests.
        into = [f"--junitxml={report}", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", "-q", "-m", "", *into, *options, *tests]
        told = {**os.environ, **(env or {})}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=told)
        if not report.exists():
            raise BenchError(f"pytest gave no report:\n{(done.stdout + done.stderr)[-1_000:]}")
        found = read_report(report.read_text(encoding="utf-8"))
    if not found.passed and not found.failed:
        raise BenchError(f"no test ran:\n{done.stdout[-1_000:]}")
    return found


def read_report(text: str) -> Outcomes:
    """Read a JUnit file of pytest. Raises ``BenchError`` for a skipped test, which has no figure."""
    passed = 0
    failed: dict[str, str] = {}
    figures: dict[str, float] = {}
    for case in ElementTree.fromstring(text).iter("testcase"):  # noqa: S314 - written by our own pytest
        if (skipped := case.find("skipped")) is not None:
            raise BenchError(f"{case.get('name')} was skipped: {skipped.get('message')}")
        broken = next(case.iter("failure"), next(case.iter("error"), None))
        if broken is None:
            passed += 1
        else:
            failed[case.get("name", "?")] = broken.get("message", "")
        figures |= {one.get("name", ""): float(one.get("value", "")) for one in case.iter("property")}
    return Outcomes(passed, failed, figures)
