"""Records to bytes and back. JSON, UTF-8, one object a record.

``decode`` raises ``Undecodable`` (dead-letter the bytes) or ``NewerMajor`` (pause the partition), nothing else.
"""

from functools import lru_cache
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.errors import NewerMajor, Undecodable
from schemas.records.base import MAJOR, VERSION
from topics.catalogue import declared

#: Deeper JSON is refused: orjson writes at most 254 levels, and a record must be writable again.
MAX_DEPTH = 100


def encode(record: BaseModel) -> bytes:
    """Return a record's bytes."""
    return record.__pydantic_serializer__.to_json(record, by_alias=True)


def decode(topic: str, value: bytes | None) -> Any:
    """Return the record in ``value`` as the topic's model. See the module for what is raised."""
    adapter = _adapter(topic)
    if value is None:
        raise Undecodable("tombstone", f"a record without a value; {topic} takes no tombstones")
    data = parse(value)
    try:
        return adapter.validator.validate_python(data)
    except ValidationError as exc:
        _raise_if_newer(data)
        raise Undecodable("schema", _first_error(exc)) from exc


def parse(value: bytes) -> Any:
    """Return the JSON value in ``value``. Raises ``Undecodable`` for anything that cannot be written again."""
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise Undecodable("json", f"not JSON in UTF-8: {exc}") from exc
    # Counting brackets is cheap and clears nearly every record; only the rest is measured.
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _depth_exceeds(data, MAX_DEPTH):
        raise Undecodable("depth", f"nested deeper than {MAX_DEPTH} levels; flatten it")
    return data


def _raise_if_newer(data: object) -> None:
    found = data.get("v") if isinstance(data, dict) else None
    major = found.partition(".")[0] if isinstance(found, str) else ""
    if major.isascii() and major.isdigit() and int(major) > MAJOR:
        raise NewerMajor(str(found), VERSION)


@lru_cache(maxsize=1024)
def _adapter(topic: str) -> TypeAdapter[Any]:
    model = declared(topic).model
    if model is None:
        raise ValueError(f"{topic} has no model of ours; read its bytes as they are")
    return model


def _first_error(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "record"
    more = f" (and {exc.error_count() - 1} more)" if exc.error_count() > 1 else ""
    return f"{where}: {first['msg']}{more}"


def _depth_exceeds(data: object, limit: int) -> bool:
    level: list[Any] = [data]
    for _ in range(limit):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [v for v in node.values() if isinstance(v, (dict, list))]
    if isinstance(node, list):
        return [v for v in node if isinstance(v, (dict, list))]
    return []
