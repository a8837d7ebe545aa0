"""What is due besides batches: calls that nobody wants any more, their settlements, and steps that wait for answers."""

from connectors.ports.batches import Waiting
from schemas.records.run_events import TimerFired
from schemas.records.timers import Defer
from services.batches.ports import BatchPorts
from services.batches.settlements import nothing_paid

#: How often the runs of open calls are looked at.
RUNS_EVERY_MS = 10_000
#: A step that was woken and did not come is woken again after this at least: its timer may not have been in the log.
WAKE_AGAIN_MS = 30_000
#: The step of a call that is new for so long does not come back; its request is in the log for longer.
FORGOTTEN_MS = 24 * 3_600_000
#: How long what became of a call is stored: longer than a request of a step waits to be delivered again.
KEEP_MS = 14 * 24 * 3_600_000
_PURGE_EVERY_MS = 3_600_000
_PAGE = 1_000
_CHUNK = 200


class Sweeper:
    """Does what is due, a page at a time. Raises ``Unavailable``: nothing is lost, the next sweep continues."""

    def __init__(self, ports: BatchPorts) -> None:
        self._ports = ports
        self._runs_ms = 0
        self._purged_ms = 0

    async def sweep(self) -> None:
        """Cancel calls of ended runs, settle canceled ones, wake steps whose calls are done."""
        now_ms = self._ports.clock.now_ms()
        if now_ms >= self._runs_ms + RUNS_EVERY_MS:
            await self._cancel_unwanted(now_ms)
            self._runs_ms = now_ms
        await self._settle_canceled()
        await self._wake(now_ms)
        if now_ms >= self._purged_ms + _PURGE_EVERY_MS:
            await self._ports.store.purge(now_ms - KEEP_MS)
            self._purged_ms = now_ms

    async def _cancel_unwanted(self, now_ms: int) -> None:
        store, after = self._ports.store, ""
        unwanted = await store.forgotten(now_ms - FORGOTTEN_MS)
        while calls := await store.open_runs(after, _PAGE):
            over = await self._ports.over(sorted({run for _, run in calls}))
            unwanted += [call for call, run in calls if run in over]
            after = calls[-1][0]
        if unwanted:
            await store.unwant(unwanted, now_ms)
            self._ports.reached("unwanted")

    async def _settle_canceled(self) -> None:
        while items := await self._ports.store.unsettled(_CHUNK):
            await self._ports.emit([nothing_paid(item) for item in items])
            self._ports.reached("canceled_settled")
            await self._ports.store.settled([item.call_id for item in items])
            self._ports.reached("settlements_stored")
            self._ports.counts.ended("canceled", len(items))

    async def _wake(self, now_ms: int) -> None:
        items = await self._ports.store.to_wake(now_ms, _PAGE)
        if not items:
            return
        over = await self._ports.over(sorted({item.ends_with for item in items if item.ends_with}))
        if ended := [item.call_id for item in items if item.ends_with in over]:
            await self._ports.store.take(*ended)
        waiting = [item for item in items if item.ends_with not in over]
        await self._ports.emit([_timer(item, now_ms) for item in waiting])
        self._ports.reached("woken")
        await self._ports.store.woken({item.call_id: now_ms + _wait_ms(item, now_ms) for item in waiting})
        self._ports.reached("wakes_stored")


def _wait_ms(item: Waiting, now_ms: int) -> int:
    """Return when a step is woken again: later and later, as its run may have left the table."""
    return max(WAKE_AGAIN_MS, now_ms - item.done_ms)


def _timer(item: Waiting, now_ms: int) -> TimerFired:
    """Return what wakes the step that waits for a call: its own timer, early."""
    wake = item.wake
    timer = Defer(wake.step_id, wake.attempt, wake.deferral)
    return TimerFired(run_id=wake.run_id, org_id=item.org_id, timer=timer, due_ms=now_ms)
