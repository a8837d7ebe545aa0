"""Reads a workflow document: YAML or JSON text, or a mapping, into plain JSON values.

YAML is read by the safe loader only, once its values are counted. Aliases are refused (a few of them expand into
gigabytes), and so are duplicate keys, of which the first would be dropped silently. Plain scalars are read by YAML
1.2's core schema: dates, ``yes`` and ``no`` stay text as written.
"""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import yaml

from schemas.errors import InvalidSpec, Problem
from schemas.records.base import Json
from schemas.spec.text.size import MAX_DEPTH, refuse_large, refuse_large_yaml
from schemas.values.check import value_problems
from schemas.values.yaml_core import read_as_core_schema

#: Maximum size of a document; one of a thousand nodes has a fifth of this.
MAX_DOCUMENT_CHARS = 1_000_000
#: More of them tell an author nothing, and take their time.
MAX_PROBLEMS = 100

Document = dict[str, Json]


def read_document(source: str | Mapping[str, Json], fields: str = "name, version and dag") -> Document:
    """Return the document as JSON values. Raises ``InvalidSpec``; ``fields`` are those that one should have."""
    data = _read_text(source) if isinstance(source, str) else source
    if not isinstance(data, Mapping):
        found = "is empty" if data is None else f"is a {_kind(data)}"
        raise _invalid("", f"the document {found}", f"write a mapping with {fields}")
    problems = tuple(islice(value_problems(data, depth=MAX_DEPTH), MAX_PROBLEMS))
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
        data = json.loads(text, object_pairs_hook=_unique)
    except ValueError:
        return _read_yaml(text)  # a YAML mapping in braces, or a number of thousands of digits
    refuse_large(data)
    return data


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _invalid("", f"the key '{key}' occurs twice in one object", "keep one of the two")
        found[key] = value
    return found


def _read_yaml(text: str) -> object:
    try:
        refuse_large_yaml(text)
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        where = f" at line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise _unreadable(text, f"not YAML{where}: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        raise _unreadable(text, f"not YAML: {str(exc)[:300]}") from exc


def _unreadable(text: str, message: str) -> InvalidSpec:
    """Return the error of a text that is no YAML. One in braces was meant as JSON."""
    fix = "fix the document there"
    if text.lstrip().startswith("{"):
        try:
            json.loads(text)
        except ValueError as exc:
            where = f" at line {exc.lineno}: {exc.msg}" if isinstance(exc, json.JSONDecodeError) else f": {exc}"
            return _invalid("", f"not JSON{where}", fix)
    if "\n" not in text.strip() and text.count(": ") > 1:
        fix = "keep its lines: curl sends them with --data-binary, and joins them with -d"
    return _invalid("", message, fix)


class _Loader(yaml.CSafeLoader):
    """The safe loader in C, without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                line = key_node.start_mark.line + 1
                raise _invalid("", f"the key '{key}' occurs twice in one mapping (line {line})", "keep one of the two")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


read_as_core_schema(_Loader)


def _kind(value: object) -> str:
    return {"list": "list", "str": "text", "bytes": "binary value", "set": "set"}.get(
        type(value).__name__, type(value).__name__
    )


def _invalid(path: str, message: str, fix: str) -> InvalidSpec:
    return InvalidSpec((Problem(path, message, fix),))
