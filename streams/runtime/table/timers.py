"""Due timers become records: time, too, is in the log.

A timer stays armed until the record that it became is folded, so a crash in between only fires it again, and
the fold matches ids. Sources of timers are the engine's own commits and, for holds, other processes; so the
store is asked at least every ``POLL_MOST_MS``, and at once when a timer of ours is due.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache

from connectors.ports.engine import Clock, Due, Log, OutRecord, Table, split_member
from schemas.errors import Unavailable
from schemas.records.admissions import FlowDue
from schemas.records.run_events import TimerFired
from schemas.records.timers import timer_of
from schemas.tables.flow import parse_key_timer
from streams.runtime.routing import to_out
from streams.runtime.table.partition import OwnedPartition, Status

log = logging.getLogger(__name__)

Fire = Callable[[int, list[Due]], Awaitable[list[OutRecord]]]

#: How late a timer that another process armed may be noticed.
POLL_MOST_MS = 500
#: Timers taken in one call.
BATCH = 1_000


class Timers:
    """Fires the due timers of owned partitions. ``fire`` turns them into records."""

    def __init__(self, *, table: Table, log: Log, clock: Clock, fire: Fire) -> None:
        self._table = table
        self._log = log
        self._clock = clock
        self._fire = fire

    async def tick(self, owned: OwnedPartition) -> None:
        """Append a record for every due timer that has not fired. Raises ``Unavailable``."""
        now_ms = self._clock.now_ms()
        if owned.status is not Status.READY or owned.next_due_ms > now_ms:
            return
        owned.next_due_ms = now_ms + POLL_MOST_MS
        most = BATCH + len(owned.fired)
        found = await self._table.due(owned.partition, now_ms + POLL_MOST_MS, most)
        if owned.fired and len(found) < most:
            # What left meanwhile may be armed again under its name. A record too many changes nothing.
            owned.fired.intersection_update(due.member for due in found)
        fresh = [due for due in found if due.member not in owned.fired]
        now_due = [due for due in fresh if due.due_ms <= now_ms]
        later = [due.due_ms for due in fresh if due.due_ms > now_ms]
        if later:
            owned.next_due_ms = min(owned.next_due_ms, *later)
        if now_due and owned.status is Status.READY:
            records = await self._fire(owned.partition, now_due)
            await self._log.append(records)
            # One that left without a record may come back under its name. Which one it was is not known here, so the
            # others fire once more, which changes nothing.
            if len(records) == len(now_due):
                owned.fired.update(due.member for due in now_due)

    async def tick_all(self, owned: list[OwnedPartition]) -> float:
        """Tick every partition; return the seconds until the next one wants to be asked."""
        for one in owned:
            try:
                await self.tick(one)
            except Unavailable as exc:
                one.next_due_ms = self._clock.now_ms() + int(exc.retry_after_s * 1000)
        soonest = min((one.next_due_ms for one in owned if one.status is Status.READY), default=0)
        return max(0.001, (soonest - self._clock.now_ms()) / 1000) if soonest else POLL_MOST_MS / 1000


async def fire_nothing(_partition: int, _dues: list[Due]) -> list[OutRecord]:
    """Return nothing: for tables whose entities wait for no time."""
    return []


async def fire_flow_timers(_partition: int, dues: list[Due]) -> list[OutRecord]:
    """Return a ``FlowDue`` for each timer of a key of flow control. One that is none of these stays armed."""
    records: list[OutRecord] = []
    for due in dues:
        entity, named = split_member(due.member)
        try:
            org_id, key = parse_key_timer(named)
        except ValueError as exc:
            _unknown(entity, str(exc))
            continue
        records.append(to_out(FlowDue(org_id=org_id, key=key, due_ms=due.due_ms)))
    return records


async def fire_run_timers(_partition: int, dues: list[Due]) -> list[OutRecord]:
    """Return a ``TimerFired`` for each timer of a run. Members are run id and timer (see ``timer_member``).

    One of a kind that only newer rules know stays armed until an owner comes that has them.
    """
    return [to_out(fired) for fired in map(_fired, dues) if fired is not None]


def _fired(due: Due) -> TimerFired | None:
    run_id, named = split_member(due.member)
    try:
        timer = timer_of(named)
    except ValueError as exc:
        _unknown(run_id, str(exc))
        return None
    # A timer is the run's own business: the organisation is in the run's state, not in the timer's name.
    return TimerFired(run_id=run_id, org_id="", timer=timer, due_ms=due.due_ms)


@lru_cache(maxsize=1_024)
def _unknown(run_id: str, why: str) -> None:
    # It is due at every poll, and one line is enough.
    log.warning("a timer of %s does not fire: %s", run_id, why)
