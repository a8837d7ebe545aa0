"""What is done for calls beside batches: cancels, settlements, wakes."""

import itertools
from pathlib import Path

import pytest

from bench.batching.server import batch_server
from bench.batching.world import MODELS, START_MS, Killer, Step, World
from schemas.errors import Unavailable
from schemas.records.run_events import TimerFired
from services.batches.sweeper import FORGOTTEN_MS, KEEP_MS


async def ticked(world: World, ticks: int, step_ms: int, *, worker: bool = True) -> None:
    role = world.role(Killer())
    for _ in range(ticks):
        if worker:
            await world.worker(Killer())
        await role.work()
        world.clock.ms += step_ms
        world.server.now_ms = world.clock.ms


async def test_a_step_that_does_not_come_is_woken_later_and_later(tmp_path: Path) -> None:
    async with batch_server() as server:
        server.now_ms = START_MS
        world = World(tmp_path, server, [Step(0, MODELS[0])])
        await world.worker(Killer())
        await ticked(world, 200, 60_000, worker=False)
        await world.close()
    woken = [one.due_ms for one in world.log if isinstance(one, TimerFired)]
    gaps = [later - before for before, later in itertools.pairwise(woken)]
    assert gaps == sorted(gaps)
    assert 5 <= len(woken) <= 12


async def test_calls_of_ended_runs_that_were_not_sent_are_settled_at_nothing(tmp_path: Path) -> None:
    async with batch_server() as server:
        server.now_ms = START_MS
        steps = [Step(0, MODELS[0]), Step(1, MODELS[0])]
        world = World(tmp_path, server, steps)
        await world.worker(Killer())
        steps[0].is_over = True
        await ticked(world, 30, 60_000)
        await world.close()
    assert steps[1].text is not None
    assert server.made == {steps[1].prompt: 1}
    (paid,) = [found for call_id, found in world.paid().items() if call_id.startswith("run-0")]
    assert [(one.kind, one.amount_nano, one.booked_at_ms) for one in paid] == [("actual", 0, START_MS)]


async def test_a_call_whose_worker_died_and_whose_step_never_came_back_is_canceled(tmp_path: Path) -> None:
    async with batch_server() as server:
        world = World(tmp_path, server, [Step(0, MODELS[0])])
        with pytest.raises(BaseException, match="announced"):
            await world.worker(Killer({"announced": 1}))
        role = world.role(Killer())
        world.clock.ms += FORGOTTEN_MS - 1
        await role.work()
        assert [item.state for item in world.store.items.values()] == ["new"]
        world.clock.ms += 20_000
        await role.work()
        await world.close()
    (item,) = world.store.items.values()
    assert (item.state, item.settled) == ("canceled", True)
    assert item.call_id in world.holds.settled


async def test_ended_calls_and_batches_are_removed_after_their_time(tmp_path: Path) -> None:
    async with batch_server() as server:
        server.now_ms = START_MS
        world = World(tmp_path, server, [Step(0, MODELS[0])])
        await ticked(world, 20, 60_000)
        assert world.store.items
        assert world.store.batches
        world.clock.ms += KEEP_MS
        await world.role(Killer()).work()
        await world.close()
    assert (world.store.items, world.store.batches) == ({}, {})


async def test_a_call_without_money_leaves_nothing_unless_it_may_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise Unavailable("redis", "down", 60.0)

    async with batch_server() as server:
        world = World(tmp_path, server, [Step(0, MODELS[0])])
        held = world.holds.hold
        monkeypatch.setattr(world.holds, "hold", down)
        await world.worker(Killer())
        assert world.store.items == {}, "its step asks again"
        monkeypatch.setattr(world.holds, "hold", held)
        world.clock.ms += 3_600_000
        with pytest.raises(BaseException, match="announced"):
            await world.worker(Killer({"announced": 1}))
        monkeypatch.setattr(world.holds, "hold", down)
        await world.worker(Killer())
        await world.close()
    assert [item.state for item in world.store.items.values()] == ["new"]
