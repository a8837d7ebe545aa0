"""Each kind: values that are found with their exact span, and look-alikes that are not."""

import re
from pathlib import Path

import pytest

from services.privacy.detect.engine import Detectors
from services.privacy.detect.pii import PII_RULES

TABLES = sorted((Path(__file__).parent / "tables").glob("*.txt"))
_MARKED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_DETECTORS = Detectors(PII_RULES)


def lines_of(table: Path) -> tuple[list[str], list[str]]:
    """Return the lines with values, and those without; a bar stands for the end of a line in a text."""
    found, none = table.read_text("utf-8").split("== none\n")
    lines = [line.replace("|", "\n") for line in found.splitlines() if not line.startswith("# ")]
    return lines, none.splitlines()


def found_in(line: str, kind: str) -> list[str]:
    """Return what is found of a kind; a line of JSON, ``"key": "value"``, is read as such."""
    pair = re.fullmatch(r'"(\w+)": "(.*)"', line)
    if pair is None:
        return [line[one.start : one.end] for one in _DETECTORS.find(line) if one.kind == kind]
    found = _DETECTORS.find_in({pair[1]: pair[2]})
    return [pair[2][one.finding.start : one.finding.end] for one in found if one.finding.kind == kind]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_values_are_found_exactly(table: Path) -> None:
    values, _ = lines_of(table)
    assert len(values) >= 20
    wanted = {line: _MARKED.findall(line) for line in values}
    found = {line: found_in(_MARKED.sub(r"\1", line), table.stem) for line in values}
    assert {line: found[line] for line in values if found[line] != wanted[line]} == {}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_look_alikes_are_not_found(table: Path) -> None:
    _, others = lines_of(table)
    assert len(others) >= 20
    assert {line: found for line in others if (found := found_in(line, table.stem))} == {}


def test_every_personal_kind_has_a_table() -> None:
    assert {table.stem for table in TABLES} == {rule.kind for rule in PII_RULES}
