"""When a schedule is due: its slots, which are points in time in whole seconds. Pure.

- **Interval**: every multiple of ``interval_s`` since 1970-01-01T00:00:00Z, whatever clocks on walls say.
- **Cron**, five fields as in Debian's cron, in an IANA time zone:
  - minute and hour are both fixed (``30 2 * * *``): it means a time on the wall. When clocks go forward over it, its
    slot is the first moment after the gap; when they go back over it, only the first of the two is a slot.
  - minute or hour begins with ``*`` (``*/15 * * * *``, ``0 * * * *``): it means time that passes. There is nothing in
    the skipped hour, and the doubled hour has its slots twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from schemas.errors import Problem

CRON_FIELDS = 5
#: cronsim searches this far ahead for a next slot before it reports that none exists; some seconds in the worst case.
_MS = 1000


@dataclass(frozen=True)
class Timing:
    """Either ``cron`` with its ``time_zone``, or ``interval_s``."""

    cron: str | None = None
    interval_s: int | None = None
    time_zone: str = "UTC"


def slots(timing: Timing, after_ms: int, until_ms: int, limit: int) -> list[int]:
    """Return the slots in (after, until], the earliest ``limit`` of them, rising."""
    found = _cron(timing, after_ms) if timing.cron is not None else _interval(timing.interval_s or 1, after_ms)
    chosen: list[int] = []
    for slot in islice(found, limit):
        if slot > until_ms:
            break
        chosen.append(slot)
    return chosen


def next_slot(timing: Timing, after_ms: int) -> int | None:
    """Return the first slot after a time, ``None`` if there is none (a cron that matches no day)."""
    found = _cron(timing, after_ms) if timing.cron is not None else _interval(timing.interval_s or 1, after_ms)
    return next(found, None)


def timing_problems(timing: Timing) -> list[Problem]:
    """Return the problems of a timing, by field; empty if it has slots."""
    if (timing.cron is None) == (timing.interval_s is None):
        return [
            Problem("cron", "give either cron or interval_s", 'write "cron": "0 8 * * MON-FRI" or "interval_s": 3600')
        ]
    problems = []
    if not _is_zone(timing.time_zone):
        fix = "use a name of the IANA database, such as Europe/Berlin or UTC"
        problems.append(Problem("time_zone", f"the time zone {timing.time_zone!r} is unknown", fix))
    elif timing.cron is not None and (why := _cron_fault(timing.cron, timing.time_zone)):
        fix = "write minute, hour, day of month, month, day of week, such as 0 8 * * MON-FRI"
        problems.append(Problem("cron", f"{timing.cron!r}: {why}", fix))
    return problems


def slot_id(slot_ms: int) -> str:
    """Return a slot as text, which is the submission id of its run: RFC 3339 in UTC, in whole seconds."""
    return datetime.fromtimestamp(slot_ms // _MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _interval(interval_s: int, after_ms: int) -> Iterator[int]:
    step = interval_s * _MS
    slot = (after_ms // step + 1) * step
    while True:
        yield slot
        slot += step


def _cron(timing: Timing, after_ms: int) -> Iterator[int]:
    """Yield the slots after a time. cronsim's may repeat or go back when it starts inside a doubled hour."""
    begin = datetime.fromtimestamp(after_ms // _MS, UTC).astimezone(ZoneInfo(timing.time_zone))
    last = after_ms
    for found in CronSim(timing.cron or "", begin):
        slot = int(found.timestamp()) * _MS
        if slot > last:
            last = slot
            yield slot


def _cron_fault(cron: str, time_zone: str) -> str:
    if len(cron.split()) != CRON_FIELDS:
        return f"it has {len(cron.split())} fields, not {CRON_FIELDS}"
    try:
        found = next(CronSim(cron, datetime(2000, 1, 1, tzinfo=ZoneInfo(time_zone))), None)
    except CronSimError as exc:
        return str(exc)
    return "" if found is not None else "it matches no existing day"


def _is_zone(name: str) -> bool:
    """Return whether a name is of the IANA database, and the same place on every machine."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    # Files of a machine, such as `localtime` and `posixrules`, begin with a small letter; `Factory` is no place.
    return frozenset(name for name in available_timezones() if name[:1].isupper() and name != "Factory")
