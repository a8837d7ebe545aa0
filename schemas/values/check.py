"""The rules for Python values that came from JSON or YAML, or that become JSON, as one walk that names each place.

It is exact and slow. ``schemas.values.json_text`` calls it only for bytes that may break a rule.
"""

from collections.abc import Iterator, Mapping

from schemas.errors import Problem
from schemas.values.bounds import MAX_DEPTH, MAX_INT, MIN_INT
from schemas.values.text import text_fault

_TEXT_FIX = "remove it, or encode the data, for example as base64"
_SHOWN_CHARS = 40
_PATH_CHARS = 200
TOO_DEEP = "it is nested deeper than is allowed"
#: How the message of a float that JSON does not have begins.
NOT_FINITE = ("nan", "inf", "-inf")
FLATTEN = "flatten it, or send it as text"


def value_problems(value: object, path: str = "", depth: int = MAX_DEPTH) -> Iterator[Problem]:
    """Yield each part of a value that no JSON text of ours may have. ``depth``: levels of lists and objects."""
    if isinstance(value, Mapping | list | tuple):
        if depth == 0:
            yield Problem(path[:_PATH_CHARS], TOO_DEEP, FLATTEN)
        elif isinstance(value, Mapping):
            yield from _object_problems(value, path, depth)
        else:
            for index, child in enumerate(value):
                yield from value_problems(child, f"{path}[{index}]", depth - 1)
    elif isinstance(value, str):
        if fault := text_fault(value):
            yield Problem(path, f"the text has {fault}", _TEXT_FIX)
    elif (found := _scalar_fault(value)) is not None:
        yield Problem(path, *found)


def _object_problems(value: Mapping[object, object], path: str, depth: int) -> Iterator[Problem]:
    for key, child in value.items():
        if not isinstance(key, str):
            yield Problem(path, f"the key {_written(key)} is not text", quoted(key))
            continue
        name = _printable(key)
        if fault := text_fault(key):
            yield Problem(path, f"the key '{name}' has {fault}", "choose another key")
        yield from value_problems(child, f"{path}.{name}" if path else name, depth - 1)


def quoted(value: object) -> str:
    """Return how to write a text that YAML reads as another value."""
    return f'write it in quotes, such as "{_written(value)}"'


def _written(value: object) -> str:
    """Return a value as JSON and YAML write it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _printable(key: str) -> str:
    """Return a key as an error may quote it."""
    return key[:_SHOWN_CHARS].encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


def _scalar_fault(value: object) -> tuple[str, str] | None:
    """Return the fault of a number or of what is no JSON value, with its fix."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        if MIN_INT <= value <= MAX_INT:
            return None
        return "it is an integer of over 64 bits (signed)", "send it as text"
    if isinstance(value, float):
        if value - value == 0.0:  # false for NaN and the infinities
            return None
        return f"{value} is not a JSON value", "write a finite number, text or null"
    return f"a {type(value).__name__} is not a JSON value", "write text, a finite number, true, false or null"
