"""What a scheduler does when slots are due: which of them are run, and what of a run that is still under way. Pure.

**The invariant.** A schedule's ``next_slot`` moves past a slot only after the slot was decided: its run was accepted by
the log, or it was skipped or queued by policy. A crash before that decides the slot again. A run's id is made of
schedule and slot, so the slot that is submitted twice, by one scheduler or by two, is one run. So no slot is lost and
none is run twice.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.schedule import Timing, next_slot, slots

Overlap = Literal["skip", "queue_one", "allow", "cancel_previous"]
Catchup = Literal["all", "latest", "none"]
Verdict = Literal["start", "queue", "skip", "cancel_and_start"]

#: A slot that is decided later than this was missed: no scheduler was there. Within it, a restart misses nothing.
MISSED_AFTER_MS = 60_000
#: Missed slots that are older are not looked at, so that years of them cost nothing.
HORIZON_MS = 7 * 86_400_000
#: The most slots that one look enumerates: a week of minutes.
MOST = 12_000


@dataclass(frozen=True)
class Due:
    """The slots to decide now, rising, and the one to wait for then. ``dropped`` missed slots are not run."""

    slots: tuple[int, ...]
    dropped: int
    next_ms: int | None


def due(timing: Timing, next_ms: int, now_ms: int, catchup: Catchup, limit: int) -> Due:
    """Return what is due of the slots from ``next_ms`` up to ``now_ms``.

    Slots that were missed are run by ``catchup``: ``all`` the newest ``limit``, ``latest`` the newest unless a slot is
    due that was not missed, ``none`` none. ``dropped`` counts inside of the horizon only.
    """
    begin = max(next_ms - 1, now_ms - HORIZON_MS)
    start = max(begin, _newest(timing, now_ms))
    unseen = _count(timing, begin, start)
    found = slots(timing, start, now_ms, MOST)
    fresh = [slot for slot in found if now_ms - slot <= MISSED_AFTER_MS]
    missed = found[: len(found) - len(fresh)]
    if catchup == "all":
        kept = missed[max(0, len(missed) - limit) :]
    elif catchup == "latest" and not fresh:
        kept = missed[-1:]
    else:
        kept = []
    dropped = unseen + len(missed) - len(kept)
    return Due((*kept, *fresh), dropped, next_slot(timing, found[-1] if found else now_ms))


def _newest(timing: Timing, now_ms: int) -> int:
    """Return a time after which there are at most ``MOST`` slots, and the newest of them."""
    # A cron has a slot a minute at most, so the horizon is enough.
    return 0 if timing.interval_s is None else now_ms - MOST * timing.interval_s * 1000


def _count(timing: Timing, after_ms: int, until_ms: int) -> int:
    """Return the number of an interval's slots in (after, until]."""
    step = (timing.interval_s or 1) * 1000
    return until_ms // step - after_ms // step if until_ms > after_ms else 0


def overlap(policy: Overlap, *, previous_runs: bool, one_waits: bool) -> Verdict:
    """Return what becomes of a slot while the schedule's previous run may still be under way."""
    if policy == "allow" or not (previous_runs or one_waits):
        return "start"
    if policy == "cancel_previous":
        return "cancel_and_start"
    return "queue" if policy == "queue_one" and not one_waits else "skip"
