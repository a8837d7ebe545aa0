"""The reference page of prompt templates: every example renders what the page says, and every limit is the code's."""

import json
import re
from pathlib import Path

import pytest

from schemas.templates import parse, template_errors
from schemas.templates.filters import FILTERS
from schemas.templates.limits import MAX_DEPTH, MAX_ITEMS, MAX_NESTING, MAX_OUTPUT, MAX_WIDTH

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "prompt-templates.md").read_text()
VALUES = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
CELL = re.compile(r"`((?:[^`\\]|\\.)*)`")


def rows(title):
    """Yield the cells of the table below a heading, without its head."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]


def code(cell):
    return [found.replace("\\|", "|") for found in CELL.findall(cell)]


EXAMPLES = [
    (code(row[-2])[0], code(row[-1])[0])
    for title in ("Placeholders", "Filters", "Sections", "Comments and braces")
    for row in rows(title)
]


@pytest.mark.parametrize(("template", "expected"), EXAMPLES)
def test_example_renders_what_the_page_says(template, expected):
    assert parse(template).render(VALUES) == expected


def test_there_are_examples_of_everything():
    assert len(EXAMPLES) > 20


def test_all_filters_are_on_the_page():
    assert {re.match(r"\w+", name)[0] for row in rows("Filters") for name in code(row[0])} == set(FILTERS)


@pytest.mark.parametrize("template", [text for row in rows("Errors") for text in code(row[0]) if text != "{{else}}"])
def test_template_of_the_errors_table_is_refused(template):
    if template != "{{.}}":
        assert template_errors(template)


def test_limits_are_those_of_the_code():
    numbers = [int(row[1].strip().split()[0].replace(",", "")) for row in rows("Limits")]
    assert numbers == [MAX_OUTPUT, MAX_ITEMS, MAX_NESTING, MAX_DEPTH, MAX_WIDTH]
