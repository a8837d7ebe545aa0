"""JSON schemas of users: compiled once, and never a reason to fetch anything."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from schemas.errors import Problem
from schemas.records.base import Json

#: More do not help the reader, a model included.
MAX_SHOWN = 3
_MOST_CHARS = 300


class BadSchema(ValueError):
    """A document that is no JSON schema, or that refers to one outside of it."""


def violations(schema: dict[str, Any], value: Json) -> tuple[str, ...]:
    """Return where a value breaks a schema and what is expected there, up to ``MAX_SHOWN`` times.

    Formats count; a reference outside of the schema is never followed. No message has a value that was checked, which
    may be secret. Raises ``BadSchema``.
    """
    return tuple(islice(_violations(schema, value), MAX_SHOWN))


def check_schema(schema: dict[str, Any]) -> None:
    """Raise ``BadSchema`` for a document that is no schema by which values can be checked."""
    _compiled(_text(schema))


def schema_problems(path: str, schema: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong about a schema that a document has at ``path``."""
    try:
        check_schema(schema)
    except BadSchema as exc:
        yield Problem(path, f"is no JSON schema: {exc}", "correct it; what it refers to must be in its $defs")


def _violations(schema: dict[str, Any], value: Json) -> Iterator[str]:
    try:
        for error in _compiled(_text(schema)).iter_errors(value):
            yield f"{_path(error.instance_path)}: {_short(error.message)}"
    except ValueError as exc:
        if isinstance(exc, BadSchema):
            raise
        yield f"$: the value cannot be checked: {_short(str(exc))}"


@lru_cache(maxsize=256)
def _compiled(text: bytes) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(orjson.loads(text), validate_formats=True, offline=True, mask="the value")
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
        raise BadSchema(_short(str(exc).splitlines()[0])) from exc


def _text(schema: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except TypeError as exc:
        raise BadSchema(f"it is not JSON: {exc}") from exc


def _path(path: list[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."
