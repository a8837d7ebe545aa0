"""What runs in the fork: the tests that were picked, or seeds of the simulation."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

SIMULATION = "simulation"
#: The plug-ins were imported before the fork, so their asserts stay as they are.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0")
OPTIONS += ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class Picked:
    """Keeps the picked tests only, in their order, and remembers the first that fails."""

    def __init__(self, names: Sequence[str], tell: Callable[[str], None]) -> None:
        self._place = {name: place for place, name in enumerate(names)}
        self._tell = tell
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose and sort."""
        items[:] = sorted((i for i in items if i.nodeid in self._place), key=lambda item: self._place[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell what comes next, should it never end."""
        self._tell(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a failure."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a file that cannot be imported any more."""
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_tests(names: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Run the tests, in this order, up to the first that fails: ``survived``, or ``killed`` by its name."""
    picked = Picked(names, tell)
    tell(names[0])
    files = sorted({name.partition("::")[0] for name in names})
    code = pytest.main([*OPTIONS, *files], plugins=[picked])
    if code == pytest.ExitCode.OK:
        return {"outcome": "survived", "by": ""}
    return {"outcome": "killed", "by": picked.failed or names[0]}


def run_seeds(count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Play the first ``count`` seeds of the simulation: ``survived``, or ``killed`` by it."""
    tell(SIMULATION)
    sys.argv = ["tests.simulation", "--seeds", str(count)]
    try:
        from tests.simulation.__main__ import main

        held = main() == 0
    except BaseException:  # noqa: BLE001 - whatever it raises, the mutant was noticed
        held = False
    return {"outcome": "survived", "by": ""} if held else {"outcome": "killed", "by": SIMULATION}
