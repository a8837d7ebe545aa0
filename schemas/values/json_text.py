"""JSON texts to values and back: the one gate for data from outside, and for what tools and functions return.

Parsing is orjson's, which is fast and lenient in four points: it keeps the last of two equal keys, turns integers of
over 64 bits into floats, takes U+0000, and has its own limit of depth. Byte scans find every text that may break one
of these rules; only those are read again, strictly. The scans are cheaper than the parsing:

- A dropped key takes its quotes along, so a text with equal keys has more quotes than its value written again. (An
  escaped quote, ``\\u0022``, would hide that; a text with one is read strictly.)
- An integer of over 64 bits has a run of 19 digits or more.
- U+0000 can only be written as ``\\u0000``.
- orjson refuses to write more levels than its limit, so a value is written inside of as many lists as leave ours.
"""

import json
import re
from collections.abc import Iterable
from itertools import count
from typing import Any

import orjson

from schemas.errors import BadValue, Problem, Undecodable
from schemas.values.bounds import MAX_COUNT, MAX_DEPTH, MAX_TEXT_DEPTH
from schemas.values.check import FLATTEN, NOT_FINITE, TOO_DEEP, value_problems

#: Each digit becomes a zero and all else a space, so that a search for zeros finds a long number.
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19
_RISKY_ESCAPE = re.compile(rb"\\u00(?:00|22)")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
#: Up to this size brackets are counted, which costs less than the lists around the value.
_SHORT = 2_048


def _levels() -> int:
    """Return how many levels orjson writes."""
    value: list[Any] = []
    for levels in count(1):
        try:
            orjson.dumps(value)
        except TypeError:
            return levels - 1
        value = [value]
    raise AssertionError


_LEVELS = _levels()


def read_json(data: bytes, depth: int = MAX_TEXT_DEPTH) -> Any:
    """Return the value of a JSON text.

    Raises ``Undecodable`` for what is not JSON in UTF-8, ``BadValue`` for JSON that breaks a rule of values.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise _unreadable(str(exc)) from exc
    if _is_risky(data) or not _is_written_whole(value, data, depth):
        return _read_strictly(data, depth)
    return value


def write_json(value: object, depth: int = MAX_DEPTH, *, was_json: bool = False) -> bytes:
    """Return a value as JSON. Raises ``BadValue`` unless ``read_json`` gives the same value back.

    Tuples become lists, and dataclasses, times, enumerations and UUIDs what orjson makes of them. ``was_json``: it was
    read from JSON, so there is no NaN to look for.
    """
    try:
        data = _written(value, depth)
    except TypeError as exc:
        raise _first(value_problems(value, depth=depth), str(exc)) from exc
    if has_nul(data) or _LONG_NUMBER in data.translate(_DIGITS) or _is_too_long(data):
        _check(orjson.loads(data), data, depth)
    if not was_json and b"null" in data:
        _refuse_infinite(value, depth)
    return data


def check_text(data: bytes, written: bytes) -> None:
    """Raise ``BadValue`` for a JSON text that breaks a rule, after another parser has read it and found nothing.

    ``written`` is its value as JSON. A member that the parser ignored makes the text be read again, and no more.
    """
    if _is_risky(data) or data.count(b'"') != written.count(b'"'):
        _read_strictly(data, MAX_TEXT_DEPTH)


def has_nul(data: bytes) -> bool:
    """Return whether a JSON text has the character U+0000 in a text or a key."""
    return b"\\u0000" in data and _NUL.search(data) is not None


def _is_risky(data: bytes) -> bool:
    if b"\\u00" in data and _RISKY_ESCAPE.search(data) is not None:
        return True
    return _LONG_NUMBER in data.translate(_DIGITS) or _is_too_long(data)


def _is_too_long(data: bytes) -> bool:
    return len(data) > 2 * MAX_COUNT and data.count(b",") + data.count(b":") > MAX_COUNT


def _is_written_whole(value: object, data: bytes, depth: int) -> bool:
    """Return whether writing a value gives as many quotes as it was read from, within ``depth``."""
    shallow = len(data) <= _SHORT and _brackets(data) <= depth
    try:
        written = orjson.dumps(value if shallow else _inside_lists(value, depth))
    except TypeError:
        return False
    return data.count(b'"') == written.count(b'"')


def _written(value: object, depth: int) -> bytes:
    """Write a value. Raises ``TypeError``, also for more than ``depth`` levels."""
    data = orjson.dumps(value)
    if _brackets(data) > depth:
        orjson.dumps(_inside_lists(value, depth))
    return data


def _brackets(data: bytes) -> int:
    return data.count(b"[") + data.count(b"{")


def _inside_lists(value: object, depth: int) -> object:
    """Return a value inside of so many lists that orjson writes no more than ``depth`` levels of it."""
    for _ in range(_LEVELS - depth):
        value = [value]
    return value


def _read_strictly(data: bytes, depth: int) -> Any:
    try:
        value = json.loads(data, object_pairs_hook=_unique)
    except RecursionError as exc:
        raise _bad(Problem("", TOO_DEEP, FLATTEN)) from exc
    _check(value, data, depth)
    return value


def _check(value: object, data: bytes, depth: int) -> None:
    problem = next(value_problems(value, depth=depth), None)
    if problem is not None:
        raise _bad(problem)
    if _is_too_long(data) and _exceeds(value, MAX_COUNT):
        fix = "send large data as an object of its own, by its URI"
        raise BadValue("size", Problem("", f"it has over {MAX_COUNT} keys and values", fix))


def _exceeds(value: object, most: int) -> bool:
    level, found = [value], 0
    while level and found <= most:
        found += sum(2 if isinstance(one, dict) else 1 for one in level)
        level = [child for one in level for child in _children(one)]
    return found > most


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = _first_repeated(key for key, _ in pairs)
        raise BadValue("key", Problem("", f"the key {twice[:80]!r} occurs twice in one object", "keep one of the two"))
    return found


def _first_repeated(keys: Iterable[str]) -> str:
    """Return the first key that was there before. One must be."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return key


def _refuse_infinite(value: object, depth: int) -> None:
    """Raise ``BadValue`` for NaN and infinity, which orjson writes as null."""
    try:
        json.dumps(value, allow_nan=False, default=_parts)
    except ValueError as exc:
        found = (one for one in value_problems(value, depth=depth) if one.message.startswith(NOT_FINITE))
        raise _first(found, "it has NaN or an infinity") from exc


def _parts(value: object) -> object:
    """Return what of another value may be a float."""
    return vars(value) if hasattr(value, "__dict__") and hasattr(value, "__dataclass_fields__") else None


def _first(problems: Iterable[Problem], otherwise: str) -> BadValue:
    return _bad(next(iter(problems), Problem("", otherwise, "return text, finite numbers, lists, objects or null")))


def _bad(problem: Problem) -> BadValue:
    return BadValue("depth" if problem.message == TOO_DEEP else "value", problem)


def _unreadable(said: str) -> Undecodable:
    if "infinity" in said:
        return _bad(Problem("", "it has a number beyond the range of 64 bits", "send it as text"))
    if "depth limit" in said:
        return _bad(Problem("", TOO_DEEP, FLATTEN))
    return Undecodable("json", f"not JSON in UTF-8: {said}")
