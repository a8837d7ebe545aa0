"""The area ``privacy``: every figure has an aim from the start, and modules are found by their files."""

from types import ModuleType

import pytest

from bench.lines import BenchError, Line, NotThere
from bench.prove import privacy
from bench.prove.area import Aim, at_most, missed
from bench.prove.areas import AREAS
from bench.prove.parts import area_of_parts, as_part, found_parts
from bench.prove.privacy.aims import ISSUE, all_aims

SAID: list[str] = []


def part(name: str, *lines: Line, error: Exception | None = None) -> ModuleType:
    """A module of lines."""

    def measure(quick, progress):
        if error:
            raise error
        return list(lines)

    module = ModuleType(name)
    vars(module).update(AIMS=(Aim("mine", "x", at_most(1)),), measure=measure)
    return module


def test_no_two_parts_have_a_figure_of_one_name():
    names = [aim.name for aim in all_aims()]
    assert len(names) == len(set(names))


def test_area_lists_every_figure_of_the_issue_before_a_module_measures_it():
    area = area_of_parts("privacy", "for tests", [], all_aims())
    assert list(area.aims) == list(all_aims())
    assert list(area.measure(True, SAID.append)) == []


def test_a_part_adds_figures_and_its_floor_counts():
    area = area_of_parts("privacy", "for tests", [as_part(part("pii", Line("mine", "x", (2.0,))))])
    assert missed(area, list(area.measure(True, SAID.append))) == ["mine"]


def test_part_without_its_corpus_has_no_lines_and_says_so():
    SAID.clear()
    area = area_of_parts("privacy", "for tests", [as_part(part("pii", error=NotThere("no corpora here")))])
    assert list(area.measure(False, SAID.append)) == []
    assert SAID[0] == "NOT MEASURED: no corpora here"


def test_part_that_fails_fails_the_area():
    area = area_of_parts("privacy", "for tests", [as_part(part("pii", error=BenchError("broken")))])
    with pytest.raises(BenchError, match="broken"):
        list(area.measure(False, SAID.append))


def test_module_without_measure_is_no_part():
    with pytest.raises(TypeError, match="pii needs AIMS and measure"):
        as_part(ModuleType("pii"))


def test_area_has_the_modules_that_are_there():
    named = {aim.name for one in found_parts(privacy.__name__, privacy.__path__) for aim in one.AIMS}
    assert named <= {aim.name for aim in AREAS["privacy"].aims}
    assert {"erased_traces", "pii_recall"} <= {aim.name for aims in ISSUE.values() for aim in aims}
