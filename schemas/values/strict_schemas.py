"""JSON schemas that the engine checks values by: bounded, and never slow, since folds and doors check by them.

A schema has ``MAX_SCHEMA_BYTES`` of JSON at most, refers to nothing outside of itself, and its patterns are matched in
linear time: look-around and back-references are refused where it is registered.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.values.json_schemas import MAX_SHOWN, BadSchema

MAX_SCHEMA_BYTES = 32 * 1024
_MOST_CHARS = 300


def strict_problems(path: str, schema: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong about a schema that a document has at ``path``."""
    try:
        check_strict(schema)
    except BadSchema as exc:
        yield Problem(path, f"is no JSON schema: {exc}", "correct it; what it refers to must be in its $defs")


def check_strict(schema: dict[str, Any]) -> None:
    """Raise ``BadSchema`` for a schema by which no value is checked."""
    text = _text(schema)
    if len(text) > MAX_SCHEMA_BYTES:
        raise BadSchema(f"it has {len(text)} bytes as JSON, the most is {MAX_SCHEMA_BYTES}")
    _compiled(text)


def misfits(schema: dict[str, Any], value: Json) -> tuple[tuple[str, str], ...]:
    """Return where a value breaks a schema and what is expected there, up to ``MAX_SHOWN`` times.

    Places are as ``$.orders[2].price``. A schema by which nothing can be checked is a misfit of the whole value: it
    lets nothing pass. No text has a value that was checked, which may be secret.
    """
    return tuple(islice(_misfits(schema, value), MAX_SHOWN))


def broken_keywords(schema: dict[str, Any], value: Json) -> tuple[str, ...]:
    """Return the same as texts that are the same with every version of the library: folds decide by them."""
    return tuple(islice((f"{at} breaks `{keyword}`" for at, _, keyword in _found(schema, value)), MAX_SHOWN))


def _misfits(schema: dict[str, Any], value: Json) -> Iterator[tuple[str, str]]:
    return ((at, said) for at, said, _ in _found(schema, value))


def _found(schema: dict[str, Any], value: Json) -> Iterator[tuple[str, str, str]]:
    try:
        for error in _compiled(_text(schema)).iter_errors(value):
            keyword = next((part for part in reversed(error.schema_path) if isinstance(part, str)), "schema")
            yield _place(error.instance_path), _short(error.message), keyword
    except ValueError as exc:
        yield "$", f"the value cannot be checked: {_short(str(exc))}", "schema"


@lru_cache(maxsize=256)
def _compiled(text: bytes) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(text),
            validate_formats=True,
            offline=True,
            mask="the value",
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
        raise BadSchema(_short(str(exc).splitlines()[0])) from exc


def _text(schema: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except TypeError as exc:
        raise BadSchema(f"it is not JSON: {exc}") from exc


def _place(path: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."
