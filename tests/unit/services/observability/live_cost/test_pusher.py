"""Pushes: batched, one in flight, bounded, tried again with pauses, and waited for by nobody."""

import asyncio
from collections import Counter

import pytest

from connectors.aio.clock import WallClock
from schemas.errors import Rejected, Unavailable
from schemas.records.money import CostEvent
from services.observability.live_cost.pusher import PAUSE_MOST_S, Pusher
from services.observability.live_cost.sums import LiveCost, Row

NOW = 1_764_403_200_000


class Clock(WallClock):
    """A clock that never advances."""

    def now_ms(self) -> int:
        return NOW


class Target:
    """Takes lines, raises, or waits for ``gate``."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.asked = 0
        self.met = asyncio.Event()
        self.taken: list[str] = []

    async def push(self, body: bytes) -> None:
        self.asked += 1
        self.met.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        assert body.endswith(b"\n")
        self.taken += body.decode().splitlines()


class Counts:
    """Counts what is said."""

    def __init__(self) -> None:
        self.outcomes = Counter[str]()
        self.lines = 0
        self.lags: list[float] = []
        self.rows: list[Row] = []

    def held(self, rows: tuple[Row, ...]) -> None:
        self.rows += rows

    def pushed(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def dropped(self, lines: int) -> None:
        self.lines += lines

    def lag(self, seconds: float) -> None:
        self.lags.append(seconds)


class World:
    """A pusher with all that it needs; ``spend`` makes the next second have a line."""

    def __init__(self, most: int = 100, *, target: bool = True) -> None:
        self.sums, self.target, self.counts, self.calls = LiveCost(), Target(), Counts(), 0
        self.pusher = Pusher(self.sums, self.target if target else None, self.counts, Clock(), most)

    def spend(self, written_ms: int = NOW) -> None:
        self.calls += 1
        event = CostEvent(
            call_id=f"c{self.calls}",
            org_id="o",
            run_id="r",
            step_id="s",
            workflow_name="w",
            provider="p",
            model="m",
            amount_nano=self.calls,
            booked_at_ms=NOW,
            price_version="1",
        )
        self.sums.settled(event, written_ms, NOW)

    async def tick(self, now_s: float) -> None:
        self.pusher.tick(now_s)
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_second_is_pushed_with_its_lag() -> None:
    world = World()
    world.spend(NOW - 400)
    await world.tick(0)
    assert [line.split()[1] for line in world.target.taken] == ["held_usd=0,settled_usd=0.000000001"]
    assert (world.counts.outcomes, world.counts.lags) == ({"ok": 1}, [0.4])


async def test_a_second_without_money_is_not_pushed() -> None:
    world = World()
    await world.tick(0)
    assert world.target.asked == 0


async def test_a_slow_target_is_asked_once_and_gets_what_waited_in_one_body() -> None:
    world = World()
    world.target.gate = asyncio.Event()
    for second in range(4):
        world.spend()
        await world.tick(second)
    assert world.target.asked == 1
    world.target.gate.set()
    await world.tick(4)
    await world.tick(5)
    assert world.target.asked == 2
    settled = [line.split()[1].rpartition("=")[2] for line in world.target.taken]
    assert [one for one in settled if one != "0"] == [f"0.00000000{n}" for n in (1, 2, 3, 4)]


async def test_a_target_that_is_down_is_asked_less_and_less_and_gets_all_that_there_is_room_for() -> None:
    world = World(most=10)
    world.target.error = Unavailable("grafana", "down")
    asked = []
    for _ in range(200):
        world.spend()
        now = asyncio.get_running_loop().time()
        await world.tick(now)
        asked.append(world.target.asked)
    assert world.target.asked == 1, "a pause follows a failure"
    assert world.counts.lines == 190
    world.target.error = None
    await world.tick(asyncio.get_running_loop().time() + PAUSE_MOST_S)
    assert len(world.target.taken) == 10
    assert world.target.taken[-2].split()[1].endswith("settled_usd=0.0000002")


async def test_pauses_double_up_to_a_bound() -> None:
    world, pauses = World(), []
    world.target.error = Unavailable("grafana", "down")
    now = 0.0
    for _ in range(8):
        world.spend()
        before = world.target.asked
        now += 1_000_000
        await world.tick(now)
        assert world.target.asked == before + 1
        pauses.append(world.pusher._pause_s)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


async def test_what_is_refused_is_dropped_and_the_next_second_is_pushed() -> None:
    world = World()
    world.target.error = Rejected("401")
    world.spend()
    await world.tick(0)
    assert (world.counts.outcomes, world.counts.lines) == ({"refused": 1}, 1)
    world.target.error = None
    world.spend()
    await world.tick(1)
    assert world.counts.outcomes["ok"] == 1


async def test_a_refusal_that_lasts_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    for error in (Rejected("401"), Rejected("401"), Rejected("403"), None, Rejected("403")):
        world.target.error = error
        world.spend()
        await world.tick(0)
    assert [record.getMessage()[-3:] for record in caplog.records] == ["401", "403", "403"]


async def test_without_a_target_what_is_held_is_shown_all_the_same() -> None:
    world = World(target=False)
    world.spend()
    await world.tick(0)
    assert [row.settled_nano for row in world.counts.rows] == [1]
    assert world.target.asked == 0


async def test_it_ticks_by_itself_and_ends_at_once_though_the_target_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.observability.live_cost.pusher.EVERY_S", 0.001)
    world = World()
    world.target.gate = asyncio.Event()
    world.spend()
    world.pusher.start()
    await asyncio.wait_for(world.target.met.wait(), 5)
    await asyncio.wait_for(world.pusher.stop(), 5)
