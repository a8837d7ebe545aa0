"""Parses what several routes read in one way: the filters that select runs, times, and nulls in changes."""

import re
from collections.abc import Collection, Sequence
from datetime import timedelta

from pydantic import BaseModel

from schemas.clock import utc_now
from schemas.errors import InvalidInput, Problem
from schemas.timestamps import parse_time
from schemas.values.text import text_fault

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def tags_of(path: str, pairs: Sequence[str]) -> dict[str, str]:
    """Return tags written as ``key:value``. ``path`` names the place in the request. Raises ``InvalidInput``."""
    tags: dict[str, str] = {}
    for pair in pairs:
        name, colon, found = pair.partition(":")
        if not colon or not name:
            raise InvalidInput(f"tag={pair!r}", (Problem(path, "is not key:value", "write tag=team:research"),))
        tags[name] = stored_text(path, found) or ""
        stored_text(path, name)
    return tags


def stored_text(path: str, text: str | None) -> str | None:
    """Return a text that can be compared with stored texts. Raises ``InvalidInput``."""
    if text is not None and (fault := text_fault(text)):
        raise InvalidInput(f"{fault} matches nothing", (Problem(path, f"has {fault}", "remove it"),))
    return text


def refuse_null(body: BaseModel, may_be_null: Collection[str]) -> None:
    """Raise ``InvalidInput`` if a change gives null to a field that cannot be without a value."""
    nothing = [name for name in type(body).model_fields if name in body.model_fields_set and name not in may_be_null]
    problems = tuple(
        Problem(name, "cannot be null", "give a value, or omit the field")
        for name in nothing
        if getattr(body, name) is None
    )
    if problems:
        raise InvalidInput.of(*problems)


def time_ms(path: str, text: str | None) -> int | None:
    """Return an RFC 3339 time, or a span back from now (``24h``), in milliseconds. Raises ``InvalidInput``."""
    if text is None:
        return None
    try:
        match = _SPAN.fullmatch(text)
        if match is not None:
            at = utc_now() - timedelta(seconds=int(match[1]) * _SPAN_SECONDS[match[2]])
            return int(at.timestamp() * 1000)
        return parse_time(text)
    except (ValueError, OverflowError) as exc:
        fix = "write 2026-11-22T17:00:00Z (in a URL, + is %2B), or 24h for the last day (units s, m, h, d)"
        name = path.rpartition(".")[2]
        raise InvalidInput(f"{name}={text!r}: {fix}", (Problem(path, "is not a time", fix),)) from exc
