"""The required suites of mustache's specification, run in the dialect ``mustache``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.results import ROOT
from schemas.templates import Template, TemplateError, parse

#: The required files but delimiters, which the dialect refuses by name.
SUITES = ("comments", "interpolation", "inverted", "partials", "sections")
DIALECT = "mustache"


def suites_folder(*path: str) -> Path | None:
    """Return the folder, or one in it; ``None`` where it is missing. A worktree finds that of its checkout, too."""
    places = (above.joinpath("shared", "suites", *path) for above in ROOT.parents)
    return next((place for place in places if place.is_dir()), None)


class Partials:
    """The partials of a case."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def part(self, ref: str) -> "tuple[Template, Partials]":
        return parse(self._texts[ref], DIALECT), self


def folder() -> Path | None:
    """Return the folder of the suites; ``None`` where it is missing."""
    return suites_folder("mustache")


def outcomes(place: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield the cases of a suite by their names, each with what is wrong, or an empty text."""
    for case in yaml.safe_load((place / f"{name}.yml").read_text(encoding="utf-8"))["tests"]:
        yield case["name"], _fault(case)


def _fault(case: Mapping[str, Any]) -> str:
    try:
        text = parse(case["template"], DIALECT).render(case["data"], Partials(case.get("partials", {})))
    except TemplateError as exc:
        return f"refused: {exc}"
    return "" if text == case["expected"] else f"text is {text!r}, not {case['expected']!r}"
