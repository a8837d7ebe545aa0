"""The wall clock: the one place that reads the time of day. Code that must run on simulated time takes a ``Clock``."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Return milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def utc_now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)
