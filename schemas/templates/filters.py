"""The filters of a placeholder: ``{{tags | join(", ")}}``. All are pure, and none reads anything but its value.

A filter gets a JSON value, or ``MISSING``, which only ``default`` looks at.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.records.base import Json
from schemas.spec.references import as_text
from schemas.templates.frame import MISSING
from schemas.templates.limits import MAX_WIDTH

Apply = Callable[..., Json]


class WrongValue(Exception):
    """A filter got a value that it does not take; the message says so."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: what it does with a value and its arguments, the arguments' types, and how it is written."""

    apply: Apply
    usage: str
    takes: tuple[type | tuple[type, ...], ...] = ()
    #: How many arguments it needs; the others may be left out.
    needs: int = 0


def arguments_problem(name: str, given: Sequence[Json]) -> str | None:
    """Return the problem of a filter's arguments, if there is one."""
    known = FILTERS[name]
    if not known.needs <= len(given) <= len(known.takes):
        count = f"{known.needs}" if known.needs == len(known.takes) else f"{known.needs} to {len(known.takes)}"
        noun = "argument" if len(known.takes) == known.needs == 1 else "arguments"
        return f"the filter '{name}' takes {count if known.takes else 'no'} {noun}, and has {len(given)}"
    for value, types in zip(given, known.takes, strict=False):
        if not isinstance(value, types) or (types is int and isinstance(value, bool)):
            return f"the filter '{name}' does not take {as_text(value)[:40]}"
        if isinstance(value, int) and types is int and not 0 <= value <= MAX_WIDTH:
            return f"the filter '{name}' takes numbers from 0 to {MAX_WIDTH}, and has {value}"
    return None


def _default(value: Json, other: Json) -> Json:
    return other if value is MISSING or value is None else value


def _json(value: Json, indent: int | None = None) -> str:
    if indent is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, indent=min(indent, 8))


def _indent(value: Json, width: int) -> str:
    # The first line stands behind the tag, which has its own place in the line.
    text = as_text(value)
    lines = text.count("\n")
    if width * lines > MAX_WIDTH:
        raise WrongValue(f"{width} spaces before each of its {lines} lines are over {MAX_WIDTH} characters")
    return text.replace("\n", "\n" + " " * width)


def _join(value: Json, between: str) -> str:
    if not isinstance(value, list):
        raise WrongValue(f"it is {_kind(value)}, not a list")
    if len(between) * len(value) > MAX_WIDTH:
        raise WrongValue(f"{len(value)} separators are over {MAX_WIDTH} characters")
    return between.join(map(as_text, value))


def _length(value: Json) -> int:
    if not isinstance(value, str | list | dict):
        raise WrongValue(f"it is {_kind(value)}, which has no length")
    return len(value)


def _first(value: Json, at: int = 0) -> Json:
    if not isinstance(value, list):
        raise WrongValue(f"it is {_kind(value)}, not a list")
    return value[at] if value else MISSING


def _kind(value: Json) -> str:
    names = {str: "a text", bool: "true or false", dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), "a number")


_SCALAR = (str, int, float, bool, type(None))

FILTERS: dict[str, Filter] = {
    "default": Filter(_default, 'default("x")', (_SCALAR,), 1),
    "first": Filter(_first, "first"),
    "indent": Filter(_indent, "indent(2)", (int,), 1),
    "join": Filter(_join, 'join(", ")', (str,), 1),
    "json": Filter(_json, "json", (int,)),
    "last": Filter(lambda value: _first(value, -1), "last"),
    "length": Filter(_length, "length"),
    "lower": Filter(lambda value: as_text(value).lower(), "lower"),
    "trim": Filter(lambda value: as_text(value).strip(), "trim"),
    "truncate": Filter(lambda value, length: as_text(value)[:length], "truncate(100)", (int,), 1),
    "upper": Filter(lambda value: as_text(value).upper(), "upper"),
}
DEFAULT = "default"
