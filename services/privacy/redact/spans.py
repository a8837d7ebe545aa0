"""Spans of texts replaced, in a text or in the texts of a JSON value. Pure; the value itself is not changed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.payload import PathPart
from schemas.records.base import Json

Path = tuple[PathPart, ...]


class Span(NamedTuple):
    """Characters ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


def replaced(text: str, spans: Sequence[Span]) -> str:
    """Return a text with spans replaced, of which none overlaps another."""
    parts, at = [], 0
    for span in sorted(spans):
        parts += [text[at : span.start], span.text]
        at = span.end
    return "".join([*parts, text[at:]])


def replaced_in(value: Any, places: Mapping[Path, Sequence[Span]]) -> Any:
    """Return a JSON value with spans of its texts replaced. A number of which a part is replaced becomes a text.

    Keys stay as they are. Raises ``LookupError`` or ``TypeError`` for a path that leads to no text.
    """
    if not places:
        return value
    here = places.get(())
    if here is not None:
        return _replaced(value, here)
    below: dict[PathPart, dict[Path, Sequence[Span]]] = {}
    for path, spans in places.items():
        below.setdefault(path[0], {})[path[1:]] = spans
    if isinstance(value, dict):
        changed: Any = dict(value)
    elif isinstance(value, list | tuple):
        changed = list(value)
    else:
        raise TypeError("a path leads into what has no parts")
    for part, under in below.items():
        changed[part] = replaced_in(changed[part], under)
    return changed


def slice_of(text: str | float, start: int, end: int) -> str:
    """Return a part of a text, or of a number's digits as it is written."""
    return _written(text)[start:end]


def _replaced(value: Json, spans: Sequence[Span]) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("a path leads to what is no text")
    return replaced(_written(value), spans)


def _written(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(value)
