"""Counts a document's values and levels before anything is made of them, and stops at the first that is too many.

A few kilobytes of brackets, and a megabyte of short keys, take seconds to compose and to check. A document that may be
registered has a thousand nodes at most, and far fewer values than ``MAX_VALUES``.
"""

import re
from collections.abc import Iterable

import yaml

from schemas.errors import InvalidSpec, Problem

#: Levels of mappings and lists.
MAX_DEPTH = 50
#: Keys, texts, numbers, mappings and lists together: sixty for each of a thousand nodes.
MAX_VALUES = 60_000
#: libyaml compares each directive with all before it, in one call that nothing can interrupt.
_MOST_DIRECTIVES = 16
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_SPLIT = "split the workflow, or send large data as an input"


def refuse_large_yaml(text: str) -> None:
    """Raise ``InvalidSpec`` for YAML with too many levels or values, an alias or a second document.

    Raises ``yaml.YAMLError`` for what is no YAML, unless the document is refused before that place.
    """
    if len(_DIRECTIVE.findall(text)) > _MOST_DIRECTIVES:
        raise _invalid("the document has lines of YAML directives (%)", "remove the lines that begin with %")
    depth = values = documents = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.ScalarEvent):
            values += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            values, depth = values + 1, depth + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise _invalid(f"line {_line(event)} has an alias (*name)", "write the value out")
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > MAX_DEPTH or values > MAX_VALUES or documents > 1:
            raise _too_much(depth, documents, f"line {_line(event)}: ")


def refuse_large(data: object) -> None:
    """Raise ``InvalidSpec`` for JSON values with too many levels or values."""
    level: list[object] = [data]
    depth = values = 0
    while level:
        values += len(level)
        if depth > MAX_DEPTH + 1 or values > MAX_VALUES:
            raise _too_much(depth - 1, 1, "")
        level = [child for value in level for child in _children(value)]
        depth += 1


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()


def _too_much(depth: int, documents: int, where: str) -> InvalidSpec:
    if documents > 1:
        return _invalid(f"{where}a second document begins", "send one workflow per request")
    if depth > MAX_DEPTH:
        return _invalid(f"{where}the document is nested deeper than {MAX_DEPTH} levels", "flatten it")
    return _invalid(f"{where}the document has more than {MAX_VALUES} keys and values", _SPLIT)


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark is not None else 1


def _invalid(message: str, fix: str) -> InvalidSpec:
    return InvalidSpec((Problem("", message, fix),))
