"""Timers that others set: each fires once while it is armed, and again when it was armed anew."""

import pytest

from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import Commit, Due, OutRecord, Position, timer_member
from schemas.errors import Unavailable
from schemas.records.timers import Wait, timer_id
from streams.core.budgets.fold import BudgetsFold
from streams.runtime.checkpoint.changes import ChangedEntries
from streams.runtime.table.overlay import Memory
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.timers import POLL_MOST_MS, Timers, fire_run_timers

pytestmark = pytest.mark.asyncio

MEMBER = timer_member("run-1", timer_id(Wait("pause", 1)))


class Scene:
    """One partition of a table whose timers other processes set."""

    def __init__(self) -> None:
        self.clock, self.table, self.fired = ManualClock(), MemoryTable(), list[str]()
        self.owned = OwnedPartition(0, Memory(BudgetsFold(), 10), ChangedEntries(BudgetsFold()), status=Status.READY)
        log = MemoryLog(1, self.clock)
        self.timers = Timers(table=self.table, log=log, clock=self.clock, fire=self._fire)
        self.offset, self.records = 0, True

    async def _fire(self, _partition: int, dues: list[Due]) -> list[OutRecord]:
        self.fired += [due.member for due in dues]
        return await fire_run_timers(0, dues if self.records else [])

    async def begin(self) -> None:
        taken = await self.table.take(0, "log")
        await self.table.begin(0, taken.epoch, "log", Position(0, 0))

    async def change(self, arm: dict[str, int] | None = None, disarm: list[str] | None = None) -> None:
        commit = Commit(1, self.offset, self.offset + 1, 0, arm=arm or {}, disarm=disarm or [])
        await self.table.commit(0, commit)
        self.offset += 1

    async def tick(self) -> list[str]:
        """Let a second pass; return what fired."""
        await self.clock.sleep(1)
        before = len(self.fired)
        await self.timers.tick(self.owned)
        return self.fired[before:]


async def test_a_timer_fires_once_and_again_when_it_left_and_came_back() -> None:
    scene = Scene()
    await scene.begin()
    await scene.change(arm={MEMBER: 1})
    assert await scene.tick() == [MEMBER]
    assert await scene.tick() == []
    await scene.change(disarm=[MEMBER])
    assert await scene.tick() == []
    await scene.change(arm={MEMBER: 2})
    assert await scene.tick() == [MEMBER], "a hold that was put back must end, too"


async def test_a_timer_that_became_no_record_is_asked_again_and_fires_when_it_came_back() -> None:
    scene = Scene()
    await scene.begin()
    await scene.change(arm={MEMBER: 1})
    scene.records = False
    assert await scene.tick() == [MEMBER]
    assert await scene.tick() == [MEMBER], "without a record nothing in the log will disarm it"


async def test_a_timer_of_newer_rules_does_not_fire_and_stops_no_other() -> None:
    known = Due(MEMBER, 5)
    fired = await fire_run_timers(0, [Due(timer_member("run-1", '["later","pause",1]'), 5), known])
    assert [record.key for record in fired] == [b"run-1"]


async def test_a_store_that_does_not_answer_is_asked_again_when_it_says() -> None:
    scene = Scene()
    await scene.begin()

    async def down(*_: object) -> list[Due]:
        raise Unavailable("redis", "no answer", retry_after_s=2.0)

    scene.table.due = down  # type: ignore[assignment, method-assign]
    assert await scene.timers.tick_all([scene.owned]) == 2.0
    assert scene.owned.next_due_ms == scene.clock.now_ms() + 2_000


async def test_without_a_ready_partition_timers_are_looked_at_at_the_usual_pace() -> None:
    scene = Scene()
    scene.owned.status = Status.TAKING
    assert await scene.timers.tick_all([scene.owned]) == POLL_MOST_MS / 1000
    assert await scene.timers.tick_all([]) == POLL_MOST_MS / 1000
