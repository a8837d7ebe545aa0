"""The pages that lead into the code name paths that exist, and each term once."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WHERE = ROOT / "docs" / "where.md"
GLOSSARY = ROOT / "docs" / "glossary.md"

_ROW = re.compile(r"^\| (?!term \||where is |[-| ]+\|$)(.+) \|$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def rows(page: Path) -> list[list[str]]:
    """Return the cells of each row of the page's tables, without their heads."""
    return [[cell.strip() for cell in row.split(" | ")] for row in _ROW.findall(page.read_text(encoding="utf-8"))]


def where_rows() -> list[list[str]]:
    section = WHERE.read_text(encoding="utf-8").partition("\n## ")[2]
    return [[cell.strip() for cell in row.split(" | ")] for row in _ROW.findall(section)]


def missing(cells: list[str]) -> list[str]:
    named = [path for cell in cells for path in _CODE.findall(cell)]
    assert named, cells
    return [path for path in named if not (ROOT / path).exists()]


def test_where_answers_at_least_twenty_questions() -> None:
    assert len(where_rows()) >= 20


@pytest.mark.parametrize("row", where_rows(), ids=lambda row: row[0])
def test_where_names_only_paths_that_exist(row: list[str]) -> None:
    assert len(row) == 2
    assert missing(row[1:]) == []


def test_where_rule_names_folders_that_exist() -> None:
    rule = WHERE.read_text(encoding="utf-8").partition("\n## ")[0]
    folders = [path.partition("/<")[0] for path in _CODE.findall(rule)]
    assert len(folders) >= 5
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("row", rows(GLOSSARY), ids=lambda row: row[0])
def test_glossary_names_only_code_that_exists(row: list[str]) -> None:
    assert missing([row[2]]) == []


def test_glossary_defines_each_term_once() -> None:
    terms = [term for row in rows(GLOSSARY) for term in row[0].split(", ")]
    assert len(terms) > 50
    assert sorted(terms) == sorted(set(terms))


def test_glossary_uses_no_former_word_as_a_term() -> None:
    terms = {term for row in rows(GLOSSARY) for term in row[0].split(", ")}
    former = {word for row in rows(GLOSSARY) if len(row) > 3 for word in row[3].strip("| ").split(", ") if word}
    assert former
    assert terms & former == set()
