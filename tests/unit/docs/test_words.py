"""Users and operators read the terms of the field, not the private words that this repository used before."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import api_app

ROOT = Path(__file__).resolve().parents[3]
#: It names the former words on purpose.
GLOSSARY = ROOT / "docs" / "glossary.md"
#: Its rows take their terms from the metrics that they describe.
METRIC_ROW = re.compile(r"^\| `(?:agentflow|worker|api|scheduler|admission)_.*$", re.MULTILINE)

PRIVATE = re.compile(
    r"\banew\b|\bmend(?:s|ed|ing)?\b|\bdid cost\b|\bheirs?\b|\bgo(?:es)? on\b|\bwent on\b|\bin line\b|\bbeside\b"
    r"|\bset aside\b|\bunder way\b|\bnobody knows\b|\bst(?:and|ands|ood) still\b|\bcome round\b|throw-away"
    r"|\bhurr(?:y|ies)\b|\bpictures?\b(?!_)",
    re.IGNORECASE,
)
RIDDLE = re.compile(r"^(?:What|Who|Whether)\b")


def pages() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield ROOT / "CONTRIBUTING.md"
    yield ROOT / "CHANGELOG.md"
    yield ROOT / "Makefile"
    for folder in ("tutorial", "how-to", "reference", "explanation"):
        yield from sorted((ROOT / "docs" / folder).glob("*.md"))


def descriptions(node: object) -> Iterator[str]:
    """Yield every description and summary of an OpenAPI document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"description", "summary"} and isinstance(value, str):
                yield value
            yield from descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from descriptions(value)


@pytest.fixture(scope="module")
def openapi() -> list[str]:
    found = list(descriptions(json.loads(json.dumps(api_app.openapi()))))
    assert len(found) > 100
    return found


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.name)
def test_pages_use_no_private_word(page: Path) -> None:
    text = METRIC_ROW.sub("", page.read_text(encoding="utf-8"))
    prose = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)
    assert [prose[max(0, m.start() - 40) : m.end() + 40] for m in PRIVATE.finditer(prose)] == []


def test_openapi_uses_no_private_word(openapi: list[str]) -> None:
    assert [text for text in openapi if PRIVATE.search(text)] == []


def test_openapi_descriptions_start_with_no_riddle(openapi: list[str]) -> None:
    assert [text for text in openapi if RIDDLE.search(text)] == []
