"""Cursors: a place in a list as a text for URLs. What its parts are, and which are right, each list knows."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson


def packed(place: Sequence[str | int]) -> str:
    """Return a place as a text."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def unpacked(cursor: str) -> list[Any]:
    """Return the parts of a place. Raises ``ValueError`` for a text that is none."""
    found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if not isinstance(found, list):
        raise ValueError("a cursor is a list")  # noqa: TRY004 - it is a wrong value to all callers
    return found
