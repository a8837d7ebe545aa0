"""Points in time as texts after RFC 3339, and as milliseconds since the Unix epoch."""

import re
from datetime import UTC, datetime, timedelta

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_time(text: str) -> int:
    """Return the milliseconds of a time such as ``2026-11-25T17:00:00Z``. Raises ``ValueError`` that shows the form."""
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError(f"{text[:100]!r} is no time as in RFC 3339, such as 2026-11-25T17:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as exc:
        raise ValueError(f"{text} is no time that exists: {exc}") from exc
    return (moment - _EPOCH) // _MILLISECOND


def format_time(at_ms: int) -> str:
    """Return a time in UTC with milliseconds."""
    return (_EPOCH + at_ms * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
