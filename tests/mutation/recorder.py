"""A pytest plugin: which lines each test runs, how long it takes, and whether it passes.

``python -m pytest -p tests.mutation.recorder`` with ``MUTATION_RECORD=folder`` in the environment. It must import
nothing of the project, or what runs at import would be missed.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

AREAS = ("streams/core/*", "streams/runtime/*", "services/calls/*", "connectors/redis/*")


class Recorder:
    """Switches the coverage context to each test's id, and sums up its phases."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root
        include = [str(root / area) for area in AREAS]
        self._coverage = coverage.Coverage(data_file=str(folder / "lines"), include=include, config_file=False)
        self._coverage.start()
        self._seconds: dict[str, float] = {}
        self._passed: dict[str, bool] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Give every line from here on to the test."""
        self._coverage.switch_context(item.nodeid)
        result = yield
        self._coverage.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sum up set-up, call and tear-down."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        good = report.outcome == "passed" and not hasattr(report, "wasxfail")
        self._passed[report.nodeid] = self._passed.get(report.nodeid, True) and good

    def pytest_unconfigure(self) -> None:
        """Write what was found."""
        self._coverage.stop()
        self._coverage.save()
        tests = [[name, seconds] for name, seconds in self._seconds.items() if self._passed[name]]
        place = {name: number for number, (name, _) in enumerate(tests)}
        found: dict[str, Any] = {"tests": tests, "lines": self._lines(place), "modules": _foreign_modules(self._root)}
        (self._folder / "record.json").write_text(json.dumps(found), encoding="utf-8")

    def _lines(self, place: dict[str, int]) -> dict[str, dict[str, list[int]]]:
        """Return the tests of each line, by their places in the list: a name of each would take megabytes."""
        data = self._coverage.get_data()
        found: dict[str, dict[str, list[int]]] = {}
        for name in data.measured_files():
            by_line = data.contexts_by_lineno(name).items()
            relative = Path(name).relative_to(self._root).as_posix()
            found[relative] = {str(line): [place[n] for n in names if n in place] for line, names in by_line}
        return found


def _foreign_modules(root: Path) -> list[str]:
    """Return the modules that were imported from elsewhere, in the order of their imports."""
    found = []
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin and not Path(origin).is_relative_to(root) and name != "__main__":
            found.append(name)
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Start to record."""
    config.pluginmanager.register(Recorder(Path(os.environ["MUTATION_RECORD"]), config.rootpath), "mutation-recorder")
