"""Places of a prompt where a value could be read as an instruction.

A value that people or programs outside give is safest between marks, in a message of the user. Numbers, choices and
values that the schema calls ``x-trusted`` cannot carry instructions.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: A tag that inserts a value, in any dialect: no section, part, comment or literal.
_VALUE = re.compile(r"\{\{[&{]?\s*\.?(?P<name>[A-Za-z_][\w-]*|\.)(?=[\s.|}])[^{}]*\}\}\}?")
#: Texts between marks.
_MARKED = re.compile(
    r"<(?P<tag>[A-Za-z][\w-]*)(?:\s[^<>]*)?>.*?</(?P=tag)\s*>"
    r"|```.*?```|\"\"\".*?\"\"\"|'''.*?'''"
    r"|^(?P<line>[-=#~*]{3,})[ \t]*$.*?^(?P=line)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "«": "»", "[": "]", "(": ")", "{": "}"}
_CLOSED = frozenset({"integer", "number", "boolean", "null"})


class Place(NamedTuple):
    """A value that is inserted at ``offset``: its name, true if it is between marks, and true if it begins a line."""

    offset: int
    name: str
    is_marked: bool
    begins_line: bool


def places(text: str) -> Iterator[Place]:
    """Yield the values that a template inserts. A name that is ``.`` is the item of a section."""
    marked = [match.span() for match in _MARKED.finditer(text)]
    for match in _VALUE.finditer(text):
        start, end = match.span()
        inside = any(first < start and end < last for first, last in marked)
        before = text[:start]
        begins = before.rstrip(" \t").endswith("\n") and bool(before.strip())
        yield Place(start, match["name"], inside or _is_quoted(before, text[end:]), begins)


def is_closed(name: str, properties: Mapping[str, Any]) -> bool:
    """Return true if no value of this name can carry an instruction."""
    schema = properties.get(name)
    if not isinstance(schema, dict):
        return False
    if schema.get("x-trusted") is True or "enum" in schema or "const" in schema:
        return True
    kinds = schema.get("type")
    return kinds is not None and set(kinds if isinstance(kinds, list) else [kinds]) <= _CLOSED


def _is_quoted(before: str, after: str) -> bool:
    closing = _PAIRS.get(before[-1:])
    return closing is not None and after.startswith(closing)
