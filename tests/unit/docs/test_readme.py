"""The README shows a workflow that exists, and the docs' index and changelog are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from schemas.prompts.inline import take_inline
from schemas.spec.check.workflow import parse_workflow
from schemas.spec.text.read import read_document

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
CHANGELOG = ROOT / "CHANGELOG.md"

_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<'END'\n(name: .*?)^END$", re.MULTILINE | re.DOTALL)


def documents() -> Iterator[tuple[str, str]]:
    """Yield each whole workflow document of the README and the docs, with its page."""
    for page in (README, *sorted(DOCS.rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for block in (*_YAML.findall(text), *_HEREDOC.findall(text)):
            if block.startswith("name:") and "\ndag:" in block:  # a prompt has a name, too
                yield page.name, block


def test_readme_workflow_is_the_shipped_example() -> None:
    shown = _YAML.search(README.read_text(encoding="utf-8"))
    assert shown is not None
    assert len(shown[1].splitlines()) <= 15
    shipped = (ROOT / "examples" / "workflows" / "map_reduce_analysis.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown[1]) == yaml.safe_load(shipped)


def test_readme_shows_before_it_argues() -> None:
    text = README.read_text(encoding="utf-8")
    order = ["```yaml", "make run", "/api/v1/workflows/runs", "## Features", "## How it compares", "## Status"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(("page", "document"), list(documents()))
def test_documented_workflow_is_valid(page: str, document: str) -> None:
    taken, _, problems = take_inline(read_document(document))
    assert problems == []
    assert parse_workflow(taken).name


def test_index_lists_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [
        page.relative_to(DOCS).as_posix()
        for page in sorted(DOCS.rglob("*.md"))
        if page.parent.name not in ("decisions", "runbooks")
    ]
    assert [page for page in pages if page != "README.md" and f"({page})" not in index] == []


def test_changelog_has_an_unreleased_section_with_entries() -> None:
    section = CHANGELOG.read_text(encoding="utf-8").partition("## [Unreleased]")[2].partition("\n## ")[0]
    assert re.findall(r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)$", section, re.MULTILINE)
    assert len(re.findall(r"^- ", section, re.MULTILINE)) >= 5
