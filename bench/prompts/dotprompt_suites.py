"""The suites of dotprompt, run by our import and our renderer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.prompts.mustache_suites import suites_folder
from schemas.errors import InvalidSpec
from schemas.prompt_files.dotprompt import DotPrompt, read_dotprompt
from schemas.prompt_files.handlebars import Values, converted
from schemas.spec.references import MissingVariable
from schemas.templates import Template, TemplateError, parse

#: The suites, and how many cases each has.
SUITES = {"variables": 4, "whitespace": 8, "metadata": 8, "partials": 6, "unicode": 39, "picoschema": 19}


class _Parts:
    """The partials of a case."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def part(self, ref: str) -> "tuple[Template, _Parts]":
        return parse(converted(self._texts[ref], Values(), [])), self


def folder() -> Path | None:
    """Return the folder of the suites; ``None`` where it is missing."""
    return suites_folder("dotprompt")


def outcomes(place: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield the cases of a suite by their names, each with what is wrong, or an empty text."""
    for case in yaml.safe_load((place / f"{name}.yaml").read_text(encoding="utf-8")):
        for test in case["tests"]:
            yield f"{case['name']}: {test['desc']}", _fault(case, test)


def _fault(case: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    parts = _Parts(case.get("partials", {}) | case.get("resolverPartials", {}))
    defaults = test.get("options", {}).get("input", {}).get("default")
    data = test.get("data", {})
    try:
        found = read_dotprompt(case["template"], case.get("schemas", {}), defaults)
        text = parse(found.template).render(data.get("input", {}) | data.get("context", {}), parts)
    except (InvalidSpec, TemplateError, MissingVariable) as exc:
        return str(exc)
    return "; ".join(_differences(found, text, test["expect"]))


def _differences(found: DotPrompt, text: str, expected: Mapping[str, Any]) -> Iterator[str]:
    messages = [{"role": "user", "content": [{"text": text}]}] if text else []
    if messages != expected["messages"]:
        yield f"messages are {messages}"
    for name in ("model", "config", "raw", "ext"):
        if name in expected and getattr(found, name) != expected[name]:
            yield f"{name} is {getattr(found, name)}"
    for name in ("input", "output"):
        for key, value in expected.get(name, {}).items():
            if _sorted(getattr(found, name).get(key, {})) != _sorted(value):
                yield f"{name}.{key} is {getattr(found, name).get(key)}"


def _sorted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose required names are in order: their order means nothing."""
    return {**schema, "required": sorted(schema["required"])} if "required" in schema else dict(schema)
