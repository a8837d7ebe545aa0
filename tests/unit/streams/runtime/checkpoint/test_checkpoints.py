"""Checkpoints over ports in memory: what is written, what comes back, what is taken back, and what stops loudly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from typing import Any

import pytest

from connectors.memory.checkpoints import MemoryCheckpoints, MemoryWriter
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import Bounds, Commit, InRecord, Kept, Position
from schemas.errors import Unavailable
from schemas.payload import inline
from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.base import ErrorInfo
from schemas.records.money import CostEvent
from schemas.records.run_events import CancelRequested, RunSubmitted, StepFailed, StepSucceeded, TimerFired
from schemas.records.timers import Retry
from schemas.tables.admissions import QUEUES
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import SETTLED_HORIZON_MS, BudgetsFold
from streams.core.runs.fold import RunFold
from streams.core.runs.nodes.run_end import KEEP_FINISHED_MS
from streams.core.state import Fold
from streams.runtime.checkpoint import compaction
from streams.runtime.checkpoint.changes import PAGE_BYTES, SPILL_BYTES, ChangedEntries
from streams.runtime.checkpoint.codec import (
    MARKER_KEY,
    WHOLE_BYTES,
    Marker,
    entry_key,
    is_page,
    marker_of,
    pack_left,
    pack_whole,
    split_key,
    write_whole,
)
from streams.runtime.checkpoint.reader import COMMIT_BYTES, CheckpointReader
from streams.runtime.checkpoint.writer import MARKER_MS, Checkpointer
from streams.runtime.routing import to_out
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from tests.support.runs import ORG, START_MS, function, resolved, submitted
from topics import catalogue

INTERVAL_MS = 1_000
DAY_MS = 86_400_000
RETRIES = {"retries": {"max_attempts": 3, "initial_ms": 5_000}}
TWO_STEPS = resolved(function("a", RETRIES), function("b", {"timeout_ms": 60_000}), edges="a>b")


class TableHarness:
    """One partition of one table; ``take`` is another process each time."""

    def __init__(self, fold: Fold | None = None, topic: str = catalogue.RUN_EVENTS) -> None:
        self.clock = ManualClock(START_MS)
        self.log = MemoryLog(1, self.clock)
        self.table = MemoryTable()
        self.checkpoints = MemoryCheckpoints()
        self.fold = fold or RunFold()
        self.topic = topic

    async def take(self, grace_ms: int = 0, *, distrusted: bool = False) -> OwnedPartition:
        ports = Ports(table=self.table, log=self.log, checkpoints=self.checkpoints, clock=self.clock)
        spec = TableSpec(topic=self.topic, fold=self.fold)
        self.engine = Engine(spec, ports, on_lost=lambda _: None, on_gap=lambda _: None)
        takeover = Takeover(self.engine, self.checkpoints, memory_limit=100, restore_grace_ms=grace_ms)
        self.checkpointer = Checkpointer(self.engine, self.checkpoints, interval_ms=INTERVAL_MS)
        owned = takeover.new(0)
        owned.distrusted = distrusted
        await takeover.take(owned)
        return owned

    def requested(self) -> list[bytes | None]:
        """Return the keys of all requests, oldest first."""
        return [record.key for record in self.log.records(catalogue.lane("silver"), 0)]

    async def send(self, *records: Any) -> None:
        await self.log.append([to_out(record) for record in records])

    async def feed(self, owned: OwnedPartition, *records: Any) -> None:
        """Append records and fold all that are new."""
        await self.send(*records)
        await self.engine.process([(owned, self.log.records(self.topic, 0)[owned.next_offset :])])

    async def checkpoint(self, owned: OwnedPartition) -> None:
        """Let the time of the next checkpoint come."""
        await self.checkpointer.tick(owned)
        self.clock.ms += INTERVAL_MS
        await self.checkpointer.tick(owned)

    def dump(self) -> Any:
        return deepcopy(self.table._at(0))

    def bring_back(self, dump: Any) -> None:
        """Let the table be as an older dump has it. Its epoch never comes twice."""
        dump.epoch = self.table._at(0).epoch
        self.table._partitions[0] = dump

    def forget_all(self) -> None:
        """Lose the table, and of the log all that the checkpoint stands for."""
        self.table.forget(0)
        marker = self.marker()
        assert marker is not None
        self.log.truncate(self.topic, 0, marker.offset)

    def marker(self) -> Marker | None:
        records = self.checkpoints.records(0)
        return marker_of(records[-1]) if records else None

    def record_keys(self) -> list[bytes]:
        return [kept.key for kept in self.checkpoints.records(0)]

    def contents(self) -> tuple[dict[str, dict[str, bytes]], dict[str, int]]:
        at = self.table._at(0)
        return {entity: dict(fields) for entity, fields in at.entities.items() if fields}, dict(at.timers)


def succeeded(run_id: str, step_id: str, **more: Any) -> StepSucceeded:
    fields: dict[str, Any] = {"attempt": 1, "started_at_ms": 1, "finished_at_ms": 2, "output": inline(step_id)}
    return StepSucceeded(run_id=run_id, org_id=ORG, step_id=step_id, **(fields | more))


def failed(run_id: str, step_id: str) -> StepFailed:
    error = ErrorInfo(code="boom", message="it failed", retryable=True)
    return StepFailed(
        run_id=run_id, org_id=ORG, step_id=step_id, attempt=1, started_at_ms=1, finished_at_ms=2, error=error
    )


def run(name: str) -> RunSubmitted:
    return submitted(TWO_STEPS, run_id=name)


def cost(call: str, amount: int, kind: Any = "actual") -> CostEvent:
    return CostEvent(
        call_id=call, kind=kind, org_id=ORG, run_id="r", step_id="s", workflow_name="w", provider="p", model="m",
        amount_nano=amount, booked_at_ms=START_MS, price_version="1",
    )  # fmt: skip


# The records


@pytest.mark.parametrize("entity", ["run-1", "a\x1fb", "12", "ü\x1f"])
@pytest.mark.parametrize("field", ["", "h", "s:step\x1f1"])
def test_a_key_is_split_as_it_was_made(entity: str, field: str) -> None:
    assert split_key(entry_key(entity, field)) == (entity, field)


def test_a_marker_is_read_as_it_was_written() -> None:
    marker = Marker(7, 8, "log", 9, 10)
    assert marker_of(marker.kept()) == marker
    assert marker_of(None) is None
    assert marker_of(Kept(b"1\x1fa", b"")) is None


def restored(*records: Kept, clock_ms: int = 0) -> dict[str, dict[str, bytes]]:
    restoring = CheckpointReader(RunFold(), 1, 0, clock_ms, 0)
    commits = [*restoring.take(records), *restoring.rest()]
    return {entity: fields for commit in commits for entity, fields in commit.puts.items()}


def test_what_comes_later_takes_the_place_of_what_came_before() -> None:
    whole = Kept(entry_key("a"), pack_whole({"x": b"1", "y": b"1"}))
    entry, dropped = Kept(entry_key("a", "x"), b"2"), Kept(entry_key("a", "y"), None)
    assert restored(whole, entry, dropped) == {"a": {"x": b"2"}}
    assert restored(entry, whole) == {"a": {"x": b"1", "y": b"1"}}
    assert restored(entry, Kept(entry_key("a"), None)) == {}


def test_what_has_left_by_the_markers_clock_does_not_come_back() -> None:
    ended = Kept(entry_key("a"), pack_whole({"x": b"1"}), 50)
    assert restored(ended, clock_ms=49) == {"a": {"x": b"1"}}
    assert restored(ended, clock_ms=50) == {}
    assert restored(ended, Kept(entry_key("a"), pack_whole({"x": b"2"})), clock_ms=50) == {"a": {"x": b"2"}}


def test_an_entity_that_is_too_big_for_one_record_is_written_by_entry() -> None:
    fields = {f"f{number}": bytes(WHOLE_BYTES // 4) for number in range(5)}
    records = list(write_whole("a", fields, None))
    assert max(len(kept.value or b"") for kept in records) <= WHOLE_BYTES // 4
    before = Kept(entry_key("a", "old"), b"1")
    assert restored(before, *records) == {"a": fields}


def test_large_entities_come_back_in_commits_of_few_bytes() -> None:
    """The store serves nobody else while it runs one."""
    records = [Kept(entry_key(f"run-{n}"), pack_whole({"x": bytes(COMMIT_BYTES // 4)})) for n in range(10)]
    restoring = CheckpointReader(RunFold(), 1, 0, 0, 0)
    commits = [*restoring.take(records), *restoring.rest()]
    assert [len(commit.puts) for commit in commits] == [4, 4, 2]


# What is dirty


def put(entity: str, **fields: bytes) -> Commit:
    return Commit(1, 0, 1, 0, puts={entity: fields})


def ended(dirty: ChangedEntries, entity: str, at_ms: int = 50, **fields: bytes) -> None:
    dirty.add(put(entity, **fields), {entity: at_ms}, {})


def test_a_run_that_began_and_ended_is_a_part_of_a_page_with_what_is_lasting() -> None:
    dirty = ChangedEntries(RunFold())
    dirty.paging = True
    for number in range(100):
        ended(dirty, f"run-{number}", h=b"header", st=b"succeeded", p=b"progress")
    [page] = dirty.records(3, 7)
    assert is_page(page.key)
    assert page.expire_at_ms == 50
    assert restored(page)["run-99"] == {"h": b"header", "st": b"succeeded"}
    assert len(page.value or b"") < 100 * 60


@pytest.mark.parametrize(("over", "pages"), [(0, 1), (1, 2)])
def test_a_page_takes_entities_up_to_its_limit_exactly(over: int, pages: int) -> None:
    dirty, header = ChangedEntries(RunFold()), b"h" * (PAGE_BYTES // 2)
    dirty.paging = True
    own = len(pack_left("run-1", 50, {"h": header, "st": b"succeeded"}))
    room = PAGE_BYTES - own - (own - len(header))
    ended(dirty, "run-1", h=header, st=b"succeeded")
    ended(dirty, "run-2", h=b"h" * (room + over), st=b"succeeded")
    assert dirty.pages == pages
    assert set(restored(*dirty.records(1, 0))) == {"run-1", "run-2"}


def test_a_run_that_may_have_a_record_of_its_own_is_in_no_page() -> None:
    dirty = ChangedEntries(RunFold())
    ended(dirty, "run-1", h=b"header", st=b"succeeded", p=b"progress")
    [kept] = dirty.records(1, 0)
    assert kept.key == entry_key("run-1")
    assert kept.expire_at_ms == 50


def test_what_could_not_be_written_comes_under_what_came_since() -> None:
    dirty = ChangedEntries(RunFold())
    dirty.add(put("run-1", h=b"1", re=b"old"), {}, {})
    older, dirty = dirty, dirty.fresh()
    dirty.add(put("run-1", re=b"new"), {}, {})
    dirty.put_back(older)
    assert restored(*dirty.records(1, 0)) == {"run-1": {"h": b"1", "re": b"new"}}


def test_over_a_limit_only_names_are_kept_and_counters() -> None:
    dirty = ChangedEntries(RunFold())
    for number in range(9):
        commit = put(f"run-{number}", h=bytes(SPILL_BYTES // 8))
        commit.counters = {"n": 1}
        dirty.add(commit, {}, {"n": number})
    assert {f"run-{number}" for number in range(8)} <= set(dirty.names)
    assert dirty.bytes < SPILL_BYTES
    assert any(b"n" in kept.key and kept.value == b"8" for kept in dirty.records(1, 0))


# Written and restored


async def test_a_table_comes_back_though_its_log_is_gone() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), run("two"), succeeded("one", "a"), failed("two", "a"))
    await harness.checkpoint(owned)
    await harness.feed(owned, run("three"), CancelRequested(run_id="nobody", org_id=ORG))
    before, counters = harness.contents(), harness.table.counters(0)
    assert len(before[1]) == 2
    harness.forget_all()
    emitted = harness.log.everything(catalogue.lane("silver"))
    successor = await harness.take()
    assert successor.status is Status.READY
    assert harness.contents() == before
    assert harness.table.counters(0) == counters == successor.counters
    again = harness.log.everything(catalogue.lane("silver"))[len(emitted) :]
    assert [record.key for record in again] == [b"three:a"]


async def test_compaction_takes_nothing_that_is_needed() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    await harness.feed(owned, failed("one", "a"))
    await harness.checkpoint(owned)
    before = harness.contents()
    harness.checkpoints.compact(0)
    harness.forget_all()
    await harness.take()
    assert harness.contents() == before


async def test_a_run_that_ended_is_known_after_a_restore_and_nothing_more() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.checkpoint(owned)
    await harness.feed(owned, run("zero"))
    await harness.checkpoint(owned)
    await harness.feed(owned, run("one"), succeeded("one", "a"), succeeded("one", "b"))
    await harness.checkpoint(owned)
    assert any(map(is_page, harness.record_keys()))
    harness.forget_all()
    successor = await harness.take()
    assert set(harness.table.entity(0, "one")) == {"h", "st"}
    emitted = len(harness.log.everything(catalogue.RUN_VIEWS))
    await harness.feed(successor, run("one"), succeeded("one", "a"), CancelRequested(run_id="one", org_id=ORG))
    assert len(harness.log.everything(catalogue.RUN_VIEWS)) == emitted
    assert len(successor.quarantine) == 0
    assert harness.table.counters(0)["agentflow_orchestrator_late_events_total|reason=unknown_run"] == 2


async def test_an_ended_run_whose_money_may_still_come_is_kept_whole() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), CancelRequested(run_id="one", org_id=ORG))
    await harness.checkpoint(owned)
    before = harness.table.entity(0, "one")
    harness.forget_all()
    successor = await harness.take()
    assert harness.table.entity(0, "one") == before
    await harness.feed(successor, succeeded("one", "a", cost_nano=5))
    assert harness.log.everything(catalogue.RUN_VIEWS)[-1].value is not None
    assert len(successor.quarantine) == 0


async def test_what_has_left_is_taken_back_key_by_key() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.checkpoint(owned)
    await harness.feed(owned, run("long"))
    await harness.checkpoint(owned)
    await harness.feed(owned, succeeded("long", "a"), run("short"), succeeded("short", "a"), succeeded("short", "b"))
    await harness.checkpoint(owned)
    await harness.feed(owned, succeeded("long", "b"))
    await harness.checkpoint(owned)
    harness.clock.ms += KEEP_FINISHED_MS
    await harness.feed(owned, run("later"))
    owned.saved.sweep_ms = 0
    await harness.checkpoint(owned)
    harness.checkpoints.compact(0)
    names = {split_key(key)[0] for key in harness.record_keys() if not key.startswith(b"~")}
    assert not names & {"long", "short"}
    assert "later" in names
    assert not any(map(is_page, harness.record_keys()))


async def test_a_sweep_that_is_cut_continues_with_the_next_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SWEEP_ENTITIES", 2)
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, *(run(f"long-{n}") for n in range(5)))
    await harness.checkpoint(owned)
    for step in ("a", "b"):
        await harness.feed(owned, *(succeeded(f"long-{n}", step) for n in range(5)))
        await harness.checkpoint(owned)
    harness.clock.ms += KEEP_FINISHED_MS
    await harness.feed(owned, run("later"))
    owned.saved.sweep_ms = 0
    # The topic is not compacted in between, so a sweep sees what the one before took back.
    left = []
    for _ in range(3):
        harness.clock.ms += INTERVAL_MS
        await harness.checkpointer.tick(owned)
        left.append(5 - len({key for key in taken_back(harness) if key.startswith("long")}))
    assert left == [3, 1, 0]
    assert owned.saved.sweep_ms > harness.clock.ms
    harness.checkpoints.compact(0)
    assert {split_key(key)[0] for key in harness.record_keys() if not key.startswith(b"~")} >= {"later"}
    assert not any(b"long-" in key for key in harness.record_keys())


def taken_back(harness: TableHarness) -> set[str]:
    """The entities whose newest record of their first key is a tombstone."""
    newest = {kept.key: kept.value for kept in harness.checkpoints.records(0)}
    return {split_key(key)[0] for key, value in newest.items() if value is None and not key.startswith(b"~")}


async def test_an_heir_writes_what_the_owner_before_had_not() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    await harness.feed(owned, run("two"), failed("one", "a"))
    successor = await harness.take()
    await harness.feed(successor, run("three"))
    await harness.checkpoint(successor)
    before = harness.contents()
    harness.forget_all()
    await harness.take()
    assert harness.contents() == before


async def test_others_have_their_turn_while_a_new_owner_reads_what_the_log_touched() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    await harness.feed(owned, *(run(f"run-{n}") for n in range(250)))
    successor = await harness.take()
    read, turns, seen = harness.log.read, 0, list[int]()

    async def watched(*asked: Any) -> AsyncIterator[list[InRecord]]:
        async for batch in read(*asked):
            seen.append(turns)
            yield batch

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    harness.log.read = watched  # type: ignore[method-assign]
    beside = asyncio.create_task(other())
    await harness.checkpoint(successor)
    beside.cancel()
    assert len(seen) == 3
    assert len(set(seen)) == 3, "a long log would hold up every table of the process"


async def test_a_checkpoint_continues_soon_after_the_commit_that_it_shows_is_acknowledged() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    successor = await harness.take()
    await harness.checkpointer.tick(successor)
    acknowledged, successor.committed = successor.committed, 0
    harness.clock.ms += INTERVAL_MS
    before_ms, sleep = harness.clock.ms, harness.clock.sleep

    async def arriving(seconds: float) -> None:
        await sleep(seconds)
        successor.committed = acknowledged

    harness.clock.sleep = arriving  # type: ignore[method-assign]
    await harness.checkpointer.tick(successor)
    marker = harness.marker()
    assert marker is not None
    assert (marker.offset, harness.clock.ms - before_ms) == (acknowledged, 10)


async def test_a_table_without_a_checkpoint_is_written_whole_first() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), run("two"), failed("two", "a"))
    harness.log.truncate(harness.topic, 0, 2)
    await harness.checkpointer.tick(owned)
    successor = await harness.take()
    await harness.checkpoint(successor)
    before = harness.contents()
    harness.forget_all()
    await harness.take()
    assert harness.contents() == before


async def test_a_table_older_than_its_checkpoint_is_restored_and_requests_nothing_that_was_answered() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    dump = harness.dump()
    await harness.feed(owned, run("two"), succeeded("one", "a"), succeeded("one", "b"))
    await harness.checkpoint(owned)
    await harness.feed(owned, run("three"))
    before, requests = harness.contents(), harness.requested()
    harness.bring_back(dump)
    successor = await harness.take()
    assert successor.committed == owned.committed
    assert harness.contents() == before
    # Only what came after the checkpoint, and is still open, is requested again.
    assert harness.requested() == [*requests, b"three:a"]


async def test_a_live_owner_whose_table_went_back_by_less_than_a_checkpoint_restores_it() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    dump = harness.dump()
    await harness.feed(owned, succeeded("one", "a"), succeeded("one", "b"))
    harness.bring_back(dump)
    requests = harness.requested()
    await harness.engine.check(owned)
    assert owned.distrusted
    successor = await harness.take(distrusted=True)
    assert successor.committed == owned.committed
    assert harness.requested() == requests


async def test_a_zombie_does_not_write_over_its_heir() -> None:
    harness = TableHarness()
    zombie = await harness.take()
    await harness.feed(zombie, run("one"))
    old = harness.checkpointer
    successor = await harness.take()
    await harness.feed(successor, failed("one", "a"))
    await harness.checkpoint(successor)
    newest = harness.checkpoints.records(0)
    harness.clock.ms += 2 * INTERVAL_MS
    await old.tick(zombie)
    harness.clock.ms += 2 * INTERVAL_MS
    await old.tick(zombie)
    assert harness.checkpoints.records(0) == newest
    assert zombie.status is Status.GONE


class Failing(MemoryCheckpoints):
    """Does what a commit asks or does not, and never says so."""

    def __init__(self, *, done: bool) -> None:
        super().__init__()
        self.done = done
        self.failing = False

    def open(self, partition: int) -> MemoryWriter:
        writer = super().open(partition)
        if self.failing:
            real = writer.commit

            async def commit() -> None:
                if self.done:
                    await real()
                raise Unavailable("test", "no reply")

            writer.commit = commit  # type: ignore[method-assign]
        return writer


@pytest.mark.parametrize("done", [True, False])
async def test_a_checkpoint_whose_end_nobody_knows_is_part_of_the_next(done: bool) -> None:
    harness = TableHarness()
    harness.checkpoints = failing = Failing(done=done)
    owned = await harness.take()
    await harness.checkpoint(owned)
    failing.failing = True
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    await harness.feed(owned, succeeded("one", "a"), succeeded("one", "b"), run("two"))
    await harness.checkpoint(owned)
    failing.failing = False
    await harness.feed(owned, failed("two", "a"))
    await harness.checkpoint(owned)
    harness.clock.ms += KEEP_FINISHED_MS
    await harness.feed(owned, run("three"))
    owned.saved.sweep_ms = 0
    await harness.checkpoint(owned)
    harness.checkpoints.compact(0)
    living = {e: f for e, f in harness.contents()[0].items() if e != "one"}
    harness.forget_all()
    await harness.take()
    assert harness.contents()[0] == living


async def test_nothing_dirty_writes_nothing_until_the_marker_is_old() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    written = len(harness.record_keys())
    await harness.checkpoint(owned)
    assert len(harness.record_keys()) == written
    # A repeat changes nothing, not even a count.
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    assert len(harness.record_keys()) == written
    owned.saved.sweep_ms = harness.clock.ms + 10 * MARKER_MS
    harness.clock.ms += MARKER_MS
    await harness.checkpoint(owned)
    assert harness.record_keys()[written:] == [MARKER_KEY]
    marker = harness.marker()
    assert marker is not None
    assert marker.offset == 2


async def test_a_timer_of_before_fires_after_the_restore() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), failed("one", "a"))
    await harness.checkpoint(owned)
    [(member, due_ms)] = harness.contents()[1].items()
    harness.forget_all()
    harness.clock.ms += 30 * DAY_MS
    successor = await harness.take()
    assert harness.contents()[1] == {member: due_ms}
    fired = TimerFired(run_id="one", org_id="", timer=Retry("a", 2), due_ms=due_ms)
    await harness.feed(successor, fired, succeeded("one", "a", attempt=2), succeeded("one", "b"))
    assert harness.table.entity(0, "one")["st"] == b"succeeded"


# Money


async def test_money_outlives_the_log_and_a_settled_call_is_not_booked_again() -> None:
    harness = TableHarness(BudgetsFold(), catalogue.COST_EVENTS)
    owned = await harness.take()
    await harness.checkpoint(owned)
    await harness.feed(owned, cost("c1", 10), cost("c2", 30, "presumed"))
    await harness.checkpoint(owned)
    await harness.feed(owned, cost("c3", 7))
    await harness.checkpoint(owned)
    harness.forget_all()
    harness.clock.ms += 40 * DAY_MS
    successor = await harness.take()
    await harness.feed(successor, cost("c1", 10), cost("c3", 7), cost("c2", 20))
    assert harness.table.entity(0, ORG)["org|total"] == b"37"
    await harness.checkpoint(successor)
    harness.clock.ms += SETTLED_HORIZON_MS
    await harness.feed(successor, cost("c4", 1))
    successor.saved.sweep_ms = 0
    await harness.checkpoint(successor)
    harness.checkpoints.compact(0)
    harness.forget_all()
    await harness.take()
    assert harness.table.entity(0, ORG)["org|total"] == b"38"
    assert harness.table.entity(0, "settled:c1") == {}
    assert harness.table.entity(0, "settled:c4") != {}


async def test_dropped_entry_stays_gone_after_compaction_has_removed_its_tombstone() -> None:
    harness = TableHarness(AdmissionsFold(), catalogue.ADMISSIONS)
    first = await harness.take()
    await harness.feed(first, AdmissionAsked(run_id="one", org_id=ORG, workflow_name="flow"))
    owned = await harness.take()
    await harness.checkpoint(owned)
    await harness.feed(owned, AdmissionReleased(run_id="one", org_id=ORG, workflow_name="flow"))
    before = harness.table.entity(0, QUEUES)
    await harness.checkpoint(owned)
    harness.checkpoints.compact(0)
    harness.forget_all()
    await harness.take()
    assert harness.table.entity(0, QUEUES) == before


async def test_money_restored_from_a_checkpoint_alone_opens_late() -> None:
    harness = TableHarness(BudgetsFold(), catalogue.COST_EVENTS)
    owned = await harness.take()
    await harness.feed(owned, cost("c1", 10))
    await harness.checkpoint(owned)
    harness.forget_all()
    await harness.take(grace_ms=9_000)
    assert harness.table._at(0).open_at == harness.clock.ms + 9_000


async def test_money_of_a_new_table_opens_at_once() -> None:
    harness = TableHarness(BudgetsFold(), catalogue.COST_EVENTS)
    await harness.take(grace_ms=9_000)
    assert harness.table._at(0).open_at == harness.clock.ms


async def test_money_of_a_table_that_is_older_than_its_checkpoint_opens_late() -> None:
    harness = TableHarness(BudgetsFold(), catalogue.COST_EVENTS)
    owned = await harness.take()
    await harness.feed(owned, cost("c1", 10))
    await harness.checkpoint(owned)
    harness.table._at(0).position = Position(0, 0)
    await harness.take(grace_ms=9_000)
    assert harness.table._at(0).open_at == harness.clock.ms + 9_000


# What stops loudly


async def broken(harness: TableHarness) -> str:
    owned = await harness.take()
    assert owned.status is Status.BROKEN
    return owned.why


async def test_a_log_that_lost_records_and_no_checkpoint() -> None:
    harness = TableHarness()
    await harness.send(run("one"), run("two"))
    harness.log.truncate(harness.topic, 0, 1)
    assert "no checkpoint, and the log has lost offsets 0 to 0" in await broken(harness)


@pytest.mark.parametrize(("first", "end"), [(3, 4), (0, 1)])
async def test_a_log_that_does_not_hold_the_checkpoints_position(first: int, end: int) -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), run("two"))
    await harness.checkpoint(owned)
    await harness.send(run("three"), run("four"))
    records = harness.log._records[harness.topic, 0]
    del records[end:]
    harness.log.truncate(harness.topic, 0, first)
    harness.table.forget(0)
    assert f"as of offset 2, but the log holds {first} to {end}" in await broken(harness)


async def test_a_table_or_a_checkpoint_of_another_log() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.checkpoint(owned)
    before = harness.contents()
    harness.log._name = "another"
    assert "was folded from another log" in await broken(harness)
    assert "was folded from another log" in await broken(harness)
    assert harness.contents() == before
    harness.table.forget(0)
    assert "the checkpoint is of another log" in await broken(harness)
    harness.log._name = "memory"
    assert (await harness.take()).status is Status.READY
    assert harness.contents() == before


async def test_a_log_that_came_back_with_fewer_records_under_a_live_owner() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), run("two"), run("three"))
    del harness.log._records[harness.topic, 0][1:]
    await harness.send(run("four"))
    # The consumer's position is beyond the end, so it begins again at the start.
    await harness.engine.process([(owned, harness.log.records(harness.topic, 0))])
    assert owned.status is Status.BROKEN
    assert "stands at offset 3, but the log holds 0 to 2" in owned.why


async def test_a_log_whose_next_records_are_gone_under_a_live_owner() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"))
    await harness.send(run("two"), run("three"))
    harness.log.truncate(harness.topic, 0, 2)
    late = harness.log.records(harness.topic, 0)[2:]
    await harness.engine.process([(owned, late)])
    assert owned.status is Status.READY
    await harness.engine.process([(owned, late)])
    assert owned.status is Status.BROKEN
    assert owned.committed == 1


async def test_a_poll_that_repeats_what_is_folded_is_passed_over() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.feed(owned, run("one"), run("two"))
    await harness.send(run("three"))
    await harness.engine.process([(owned, harness.log.records(harness.topic, 0))])
    assert owned.committed == 3


async def test_a_topic_made_anew_under_a_live_owner() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.engine.check_log([owned])
    assert owned.status is Status.READY
    harness.log._name = "another"
    await harness.engine.check_log([owned])
    assert owned.status is Status.GONE


async def test_a_topic_made_anew_while_a_take_waits_for_its_bounds() -> None:
    harness = TableHarness()
    await harness.feed(await harness.take(), run("one"))
    bounds = harness.log.bounds

    async def swapped(topic: str, partition: int) -> Bounds:
        harness.log._name = "another"
        return await bounds(topic, partition)

    harness.log.bounds = swapped
    owned = await harness.take()
    assert owned.status is Status.READY
    await harness.send(run("two"))
    await harness.engine.process([(owned, harness.log.records(harness.topic, 0)[1:])])
    assert (owned.status, owned.committed) == (Status.GONE, 1)


def counted(records: Sequence[Kept], entity: str) -> int:
    return sum(not kept.key.startswith(b"~") and split_key(kept.key)[0] == entity for kept in records)


async def test_a_short_run_costs_no_key_and_a_waiting_one_one() -> None:
    harness = TableHarness()
    owned = await harness.take()
    await harness.checkpoint(owned)
    await harness.feed(owned, run("spec"))
    await harness.checkpoint(owned)
    await harness.feed(owned, run("waits"), failed("waits", "a"))
    await harness.feed(owned, run("short"), succeeded("short", "a"), succeeded("short", "b"))
    await harness.checkpoint(owned)
    assert counted(harness.checkpoints.records(0), "short") == 0
    assert counted(harness.checkpoints.records(0), "waits") == 1
