"""Numbers and times in the headers of providers. What cannot be read is ``None``."""

import math
import re
from datetime import UTC, datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT_MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def number(value: str | None) -> float | None:
    """Read a finite number."""
    try:
        read = float(value or "")
    except ValueError:
        return None
    return read if math.isfinite(read) else None


def duration_ms(value: str | None) -> float | None:
    """Read ``1s``, ``6m0s``, ``20ms`` or plain seconds."""
    seconds = number(value)
    if seconds is not None:
        return seconds * 1000
    parts = _DURATION.findall(value or "")
    if not parts or "".join(f"{n}{unit}" for n, unit in parts) != (value or "").strip():
        return None
    return float(sum(float(n) * _UNIT_MS[unit] for n, unit in parts))


def until_ms(value: str | None, now: datetime) -> float | None:
    """Read a time of RFC 3339 as the milliseconds until then."""
    try:
        time = datetime.fromisoformat(value or "")
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - now).total_seconds() * 1000
    except (ValueError, OverflowError):
        return None
