"""Reads a workflow document: YAML or JSON text, or a mapping, into plain JSON values.

YAML is read by the safe loader only. Aliases are refused (a few of them expand into gigabytes), and so are duplicate
keys, of which the first would be dropped silently. Dates stay text as written.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from schemas.errors import InvalidSpec, Problem
from schemas.records.base import Json

#: Maximum size of a document; one of a thousand nodes has a fifth of this.
MAX_DOCUMENT_CHARS = 1_000_000
MAX_DEPTH = 50
#: Integers beyond these do not survive a JSON reader in another language.
_MAX_INT = 2**63 - 1

Document = dict[str, Json]


def read_document(source: str | Mapping[str, Json]) -> Document:
    """Return the document as JSON values. Raises ``InvalidSpec``."""
    data = _read_text(source) if isinstance(source, str) else source
    if not isinstance(data, Mapping):
        found = "is empty" if data is None else f"is a {_kind(data)}"
        raise _invalid("", f"the document {found}", "write a mapping with name, version and dag")
    problems = tuple(_not_json(data, "", 0))
    if problems:
        raise InvalidSpec(problems)
    return dict(data)


def _read_text(text: str) -> object:
    if len(text) > MAX_DOCUMENT_CHARS:
        raise _invalid(
            "", f"the document has {len(text)} characters, the most is {MAX_DOCUMENT_CHARS}", "split the workflow"
        )
    try:
        return _read_json(text) if text.lstrip().startswith("{") else _read_yaml(text)
    except RecursionError as exc:
        raise _invalid("", "the document is nested too deep", "flatten it") from exc


def _read_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError:
        return _read_yaml(text)  # a YAML mapping in braces


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _invalid("", f"the key '{key}' occurs twice in one object", "keep one of the two")
        found[key] = value
    return found


def _read_yaml(text: str) -> object:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        where = f" at line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise _invalid("", f"not YAML{where}: {exc.problem or exc.context}", "fix the document there") from exc
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        raise _invalid("", f"not YAML: {str(exc)[:300]}", "fix the document there") from exc


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases, duplicate keys and dates."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _invalid("", f"line {mark.line + 1} has an alias (*name)", "write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                line = key_node.start_mark.line + 1
                raise _invalid("", f"the key '{key}' occurs twice in one mapping (line {line})", "keep one of the two")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _not_json(value: object, path: str, depth: int) -> Iterator[Problem]:
    """Yield the values that cannot be written as JSON and read back unchanged."""
    if depth > MAX_DEPTH:
        yield Problem(path, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
    elif isinstance(value, Mapping):
        for key, child in value.items():
            if isinstance(key, str):
                yield from _not_json(child, f"{path}.{key}" if path else key, depth + 1)
            else:
                yield Problem(path, f"the key {_written(key)} is not text", quoted(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _not_json(child, f"{path}[{index}]", depth + 1)
    elif not _is_scalar(value):
        yield Problem(path, f"{_shown(value)} is not a JSON value", "write text, a finite number, true, false or null")


def quoted(value: object) -> str:
    """Return how to write a text that YAML reads as another value."""
    if isinstance(value, bool):
        word = "yes" if value else "no"
        return (
            f'write it in quotes, such as "{word}": YAML reads yes, no, on and off as true and false '
            f"(here {_written(value)})"
        )
    return f'write it in quotes, such as "{_written(value)}"'


def _written(value: object) -> str:
    """Return a value as JSON and YAML write it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return value - value == 0.0  # false for NaN and the infinities
    if isinstance(value, int):
        return abs(value) <= _MAX_INT
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    return value is None


def _shown(value: object) -> str:
    if isinstance(value, (int, float)):
        return repr(value) if isinstance(value, float) else "an integer of over 64 bits"
    return "text with half of a surrogate pair" if isinstance(value, str) else f"a {_kind(value)}"


def _kind(value: object) -> str:
    return {"list": "list", "str": "text", "bytes": "binary value", "set": "set"}.get(
        type(value).__name__, type(value).__name__
    )


def _invalid(path: str, message: str, fix: str) -> InvalidSpec:
    return InvalidSpec((Problem(path, message, fix),))
