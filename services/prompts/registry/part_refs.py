"""The references of a template to parts: ``{{> header}}``, ``{{> header@2 tone="warm"}}``."""

import re

from schemas.spec.prompt_form import Dialect

_PART = re.compile(r"\{\{>\s*([^\s{}]+)[^{}]*\}\}")


def part_refs(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the references of a template as they are written, one for each place."""
    return () if dialect == "jinja" else tuple(match[1] for match in _PART.finditer(text))


def without_parts(text: str) -> str:
    """Return a template without its references to parts."""
    return _PART.sub("", text)
