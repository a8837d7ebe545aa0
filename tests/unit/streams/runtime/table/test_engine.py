"""The engine over ports in memory: order, fences, poison, restore, timers."""

import orjson
import pytest

from bench.counting import CountFold, CountOutput
from connectors.memory.engine import MemoryTable
from connectors.ports.engine import Answer, Commit, Kept, Position
from streams.core.commands import Emit
from streams.runtime.checkpoint.codec import Marker, entry_key, pack_whole
from streams.runtime.table.partition import Status
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from tests.support.harness import TOPIC, FailingFold, TableHarness


async def test_a_chunk_is_folded_in_order_and_committed_once() -> None:
    harness = TableHarness()
    await harness.send(("a", b"1"), ("b", b"1"), ("a", b"1"))
    engine, owned = await harness.owner()
    await engine.process([(owned, harness.inputs())])
    assert owned.status is Status.READY
    # The first take found no position and restored silently: everything was folded before the poll.
    assert harness.counts() == []
    await harness.send(("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    assert harness.counts() == [(b"a", b"3")]
    assert harness.table.entity(0, "a") == {"n": b"3"}
    assert owned.committed == 4


async def test_a_second_owner_fences_the_first_out() -> None:
    harness = TableHarness()
    engine, zombie = await harness.owner()
    _, heir = await harness.owner()
    await harness.send(("a", b"1"))
    await engine.process([(zombie, harness.inputs())])
    assert zombie.status is Status.GONE
    assert harness.lost == [zombie]
    assert harness.table.entity(0, "a") == {}
    assert heir.epoch > zombie.epoch


async def test_a_zombie_may_emit_but_never_commits() -> None:
    harness = TableHarness()
    engine, zombie = await harness.owner()
    await harness.send(("a", b"1"))
    prepared = await engine.prepare([(zombie, harness.inputs())])
    heir_engine, heir = await harness.owner()
    await engine.finish(prepared)
    assert harness.table.entity(0, "a") == {}
    await heir_engine.process([(heir, harness.inputs())])
    assert harness.table.entity(0, "a") == {"n": b"1"}


async def test_a_repeated_commit_is_already_there() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"))
    prepared = await engine.prepare([(owned, harness.inputs())])
    await harness.table.commit(0, prepared.parts[0].result.commit)
    await engine.finish(prepared)
    assert owned.status is Status.READY
    assert harness.table.entity(0, "a") == {"n": b"1"}


async def test_bad_records_become_dead_letters_byte_for_byte_and_the_rest_goes_on() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"bad"), ("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    [dead] = harness.log.everything(f"{TOPIC}.dlq")
    assert (dead.key, dead.value) == (b"a", b"bad")
    assert dict(dead.headers)["af-reason"] == b"json"
    assert dict(dead.headers)["af-offset"] == b"1"
    assert harness.table.entity(0, "a") == {"n": b"2"}


async def test_a_newer_major_pauses_the_partition_before_the_record() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"newer"), ("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    assert owned.status is Status.PAUSED
    assert owned.committed == 1
    assert "upgrade" in owned.why


async def test_a_fold_that_fails_quarantines_its_key_only() -> None:
    harness = TableHarness(FailingFold())
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"boom"), ("a", b"1"), ("b", b"1"))
    await engine.process([(owned, harness.inputs())])
    assert harness.table.entity(0, "a") == {"n": b"1"}
    assert harness.table.entity(0, "b") == {"n": b"1"}
    set_aside = orjson.loads(harness.table.entity(0, QUARANTINE)["a"])
    assert set_aside["offsets"] == [1, 2]
    assert "a bug in the fold" in set_aside["reason"]
    [dead] = harness.log.everything(f"{TOPIC}.dlq")
    assert dict(dead.headers)["af-reason"] == b"quarantined"


async def test_a_quarantine_outlives_its_owner() -> None:
    harness = TableHarness(FailingFold())
    engine, owned = await harness.owner()
    await harness.send(("a", b"boom"))
    await engine.process([(owned, harness.inputs())])
    engine, heir = await harness.owner()
    await harness.send(("a", b"1"))
    await engine.process([(heir, harness.inputs())])
    assert orjson.loads(harness.table.entity(0, QUARANTINE)["a"])["offsets"] == [0, 1]


async def test_a_lost_table_is_rebuilt_from_the_log_without_emitting() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(*[("a", b"1")] * 250)
    await engine.process([(owned, harness.inputs())])
    emitted = harness.counts()
    harness.table.forget(0)
    await harness.send(("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    assert owned.status is Status.GONE
    engine, heir = await harness.owner()
    assert harness.table.entity(0, "a") == {"n": b"251"}
    assert heir.committed == 251
    assert len(harness.counts()) - len(emitted) in (0, 1)


class Overtaken(MemoryTable):
    """Lets another owner restore the table just before the first commit of a restore."""

    def __init__(self, harness: TableHarness) -> None:
        super().__init__()
        self._house = harness
        self.overtake = False

    async def commit(self, partition: int, commit: Commit) -> Answer:
        if self.overtake:
            self.overtake = False
            await self._house.send(("a", b"1"))
            await self._house.owner()
        return await super().commit(partition, commit)


async def test_a_restore_that_was_overtaken_leaves_nothing_in_memory() -> None:
    harness = TableHarness()
    table = harness.table = Overtaken(harness)
    await harness.send(("a", b"1"))
    table.overtake = True
    engine, owned = await harness.owner()
    assert owned.committed == 2
    await harness.send(("a", b"1"))
    await engine.process([(owned, harness.inputs(2))])
    assert harness.table.entity(0, "a") == {"n": b"3"}


class AskingFold(CountFold):
    """May ask for something and change nothing; what it may have asked for is outstanding."""

    def fold(self, state, event, now_ms, offset):
        if event.body == b"ask":
            return [Emit(CountOutput(key=event.key, count=0, body=""))]
        return super().fold(state, event, now_ms, offset)

    def outstanding(self, state, entity, now_ms):
        return [Emit(CountOutput(key=entity, count=state.get(entity, "n") or 0, body=""))]


async def test_a_restore_emits_what_is_outstanding_of_all_that_the_tail_spoke_of() -> None:
    harness = TableHarness(AskingFold())
    await harness.send(("a", b"1"), ("b", b"1"), ("a", b"ask"))
    async with harness.checkpoints.writer(0) as writer:
        entries = [Kept(entry_key(key), pack_whole({"n": b"1"})) for key in ("a", "b")]
        await writer.append([*entries, Marker(2, 0, await harness.log.incarnation(TOPIC), 1, 0).kept()])
        await writer.commit()
    _, owned = await harness.owner()
    assert owned.committed == 3
    assert harness.counts() == [(b"a", b"1")]


async def test_a_position_outside_the_log_stops_loudly() -> None:
    harness = TableHarness()
    await harness.send(("a", b"1"))
    taken = await harness.table.take(0, await harness.log.incarnation(TOPIC))
    await harness.table.begin(0, taken.epoch, await harness.log.incarnation(TOPIC), Position(99, 0))
    await harness.table.open(0, taken.epoch, 0)
    _, owned = await harness.owner()
    assert owned.status is Status.BROKEN
    assert "99" in owned.why


async def test_records_that_do_not_join_are_read_again() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"1"), ("a", b"1"))
    await engine.process([(owned, harness.inputs(2))])
    assert harness.gaps == [owned]
    assert owned.committed == 0
    await engine.process([(owned, harness.inputs())])
    assert harness.table.entity(0, "a") == {"n": b"3"}


async def test_the_next_poll_is_folded_while_one_is_finished() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"))
    first = await engine.prepare([(owned, harness.inputs())])
    await harness.send(("a", b"1"))
    second = await engine.prepare([(owned, harness.inputs(1))])
    await engine.finish(first)
    await engine.finish(second)
    assert harness.counts() == [(b"a", b"1"), (b"a", b"2")]
    assert harness.table.entity(0, "a") == {"n": b"2"}


async def test_memory_is_bounded_and_what_it_forgets_is_loaded_again() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    for _ in range(3):
        for key in range(40):
            await harness.send((f"k{key}", b"1"))
            await engine.process([(owned, harness.inputs(owned.next_offset))])
    owned.let_go()
    assert len(owned.memory) <= 10
    assert {harness.table.entity(0, f"k{key}")["n"] for key in range(40)} == {b"3"}


@pytest.mark.parametrize("split", [1, 2, 7])
async def test_commands_do_not_depend_on_chunk_boundaries(split: int) -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(*[(f"k{i % 3}", b"1") for i in range(20)])
    for start in range(0, 20, split):
        await engine.process([(owned, harness.inputs()[start : start + split])])
    assert harness.counts() == [(f"k{i % 3}".encode(), str(i // 3 + 1).encode()) for i in range(20)]


async def test_an_idle_owner_notices_that_its_table_is_gone() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await engine.check(owned)
    assert owned.status is Status.READY
    harness.table.forget(0)
    await engine.check(owned)
    assert owned.status is Status.GONE
    assert owned.distrusted
    assert harness.lost == [owned]


async def test_an_idle_owner_notices_that_its_table_went_back() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    harness.table._at(0).position = Position(0, 0)
    await engine.check(owned)
    assert owned.status is Status.GONE
    assert owned.distrusted
