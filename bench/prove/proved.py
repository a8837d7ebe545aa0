"""Figures that are tests: a line for a group of tests, which counts those that failed."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.lines import Line
from bench.prove.area import Aim, at_most
from bench.tested import Outcomes


@dataclass(frozen=True)
class Proved:
    """A line: its tests, and what they hold. ``engines``: they start some, so a quick run leaves them out."""

    name: str
    note: str
    tests: tuple[str, ...]
    engines: bool = True

    @property
    def aim(self) -> Aim:
        """No test may fail."""
        return Aim(self.name, "tests", at_most(0), at_most(0))


def lines_of_tests(proved: Iterable[Proved], found: Outcomes) -> list[Line]:
    """Return a line for each group of tests."""
    return [_counted(one, found) for one in proved]


def _counted(one: Proved, found: Outcomes) -> Line:
    names = {test.rpartition("::")[2] for test in one.tests}
    failed = {name: why for name, why in found.failed.items() if name.partition("[")[0] in names}
    first = "; ".join(f"{name}: {why[:200]}" for name, why in failed.items())
    return Line(one.name, "tests", (float(len(failed)),), f"{one.note}; {first}" if first else one.note)
