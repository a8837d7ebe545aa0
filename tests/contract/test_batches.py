"""The store of batched calls, in memory and in PostgreSQL."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

from connectors.memory.batches import MemoryBatches
from connectors.ports.batches import BatchStore, Done, Gathered, LeaseLostError, Standing
from connectors.postgres.batches import PostgresBatches
from connectors.postgres.database import Database
from schemas.batches import BatchItem, Group, ItemResult, Question, Wake, batch_id
from schemas.payload import inline
from schemas.records.base import Usage
from schemas.records.money import CallStarted
from tests.support.api import migrated_database

NOW = 1_795_305_600_000
LIMITS = Gathered(requests=3, most_bytes=1_000, wait_ms=60_000)


@pytest.fixture(scope="module", params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """Where the store is; empty for memory."""
    return "" if request.param == "memory" else migrated_database(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[BatchStore]:
    if not dsn:
        yield MemoryBatches()
        return
    database = Database(dsn, timeout_s=15)
    await database.fetch("clean", "DELETE FROM batch_item")
    await database.fetch("clean", "DELETE FROM provider_batch")
    yield PostgresBatches(database)
    await database.close()


def started(call_id: str, **changes: Any) -> CallStarted:
    fields: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini", "amount_nano": 5, "booked_at_ms": NOW}
    return CallStarted(
        call_id=call_id,
        org_id="acme",
        run_id="run",
        step_id="ask",
        workflow_name="flow",
        expires_at_ms=NOW,
        price_version="v",
        **(fields | changes),
    )


def item(call_id: str = "", *, size: int = 10, ends_with: str = "run", **changes: Any) -> BatchItem:
    call_id = call_id or uuid.uuid4().hex
    # No JSON of PostgreSQL takes the character of this text.
    question = Question(path="p", body=inline("a\u0000b"), size=size, input_tokens=7, max_tokens=9)
    return BatchItem(
        call_id=call_id,
        mode="auto",
        key_name="",
        started=started(call_id, **changes),
        wake=Wake(run_id="run", step_id="ask", attempt=1, deferral=0),
        question=question,
        ends_with=ends_with,
        created_ms=NOW,
    )


async def ready(store: BatchStore, *items: BatchItem, at_ms: int = NOW) -> None:
    for one in items:
        await store.add(one)
        assert await store.make_ready(one.call_id, one.started, 1, at_ms)


async def test_a_call_is_stored_once_and_found_as_it_was(store: BatchStore) -> None:
    one = item("call-1")
    assert await store.add(one) == one
    assert await store.add(structs.replace(one, mode="only")) == one, "a repeat changes nothing"
    assert await store.find("call-1") == one
    assert await store.find("call-2") is None
    await store.remove("call-1")
    assert await store.find("call-1") is None


async def test_a_ready_call_keeps_the_time_when_it_was_ready_first(store: BatchStore) -> None:
    one = item()
    await ready(store, one)
    assert await store.make_ready(one.call_id, started(one.call_id, amount_nano=6), 2, NOW + 5)
    await store.waits(one.call_id, 3)
    await store.remove(one.call_id)
    found = await store.find(one.call_id)
    assert found is not None
    assert (found.state, found.ready_ms, found.wake.deferral, found.started.amount_nano) == ("ready", NOW, 3, 6)


async def test_calls_are_gathered_by_group_when_enough_or_after_their_wait_or_when_large(store: BatchStore) -> None:
    await ready(store, item(), item())
    other = item(model="other")
    await ready(store, other, at_ms=NOW - 60_000)
    assert await store.gathered(NOW, LIMITS) == [other.group]
    await ready(store, item())
    assert set(await store.gathered(NOW, LIMITS)) == {other.group, item().group}
    large = item(provider="anthropic", size=1_000)
    await ready(store, large)
    assert large.group in await store.gathered(NOW, LIMITS)


async def test_a_batch_takes_the_oldest_calls_up_to_its_limits_and_is_named_by_them(store: BatchStore) -> None:
    calls = [item(f"c{n}") for n in range(5)]
    for n, one in enumerate(calls):
        await ready(store, one, at_ms=NOW + n)
    batch = await store.form(item().group, NOW, LIMITS)
    assert batch is not None
    assert batch.id == batch_id(["c0", "c1", "c2"])
    assert [one.call_id for one in await store.members(batch.id)] == ["c0", "c1", "c2"]
    assert await store.form(Group("acme", "openai", "none", ""), NOW, LIMITS) is None
    second = await store.form(item().group, NOW, LIMITS._replace(most_bytes=15))
    assert second is not None
    assert second.requests == 1, "the next one would be too large with it"


async def test_a_leased_batch_is_changed_by_its_owner_alone(store: BatchStore) -> None:
    await ready(store, item(), item(), item())
    await store.form(item().group, NOW, LIMITS)
    mine = await store.lease(NOW, NOW + 100, "me")
    assert mine is not None
    assert await store.lease(NOW + 99, NOW + 200, "other") is None
    await store.change(structs.replace(mine, state="submitting", attempted_ms=NOW))
    theirs = await store.lease(NOW + 100, NOW + 200, "other")
    assert theirs is not None
    assert (theirs.state, theirs.attempted_ms, theirs.lease) == ("submitting", NOW, "other")
    with pytest.raises(LeaseLostError):
        await store.change(structs.replace(mine, state="submitted"))
    await store.change(structs.replace(theirs, due_ms=NOW + 500, leased_until_ms=0))
    assert await store.lease(NOW + 499, NOW + 600, "third") is None
    again = await store.lease(NOW + 500, NOW + 600, "third")
    assert again is not None
    await store.change(structs.replace(again, state="ended", ended_ms=NOW, leased_until_ms=0))
    assert await store.lease(NOW + 900, NOW + 999, "third") is None


async def test_results_are_stored_once(store: BatchStore) -> None:
    calls = [item(), item(), item()]
    await ready(store, *calls)
    batch = await store.form(calls[0].group, NOW, LIMITS)
    assert batch is not None
    first = ItemResult(answer=inline({"a": "\u0000"}), usage=Usage(input_tokens=3), cost_nano=8, notes=("n",))
    await store.finish([Done(calls[0].call_id, "answered", first)], NOW + 1)
    await store.finish([Done(calls[0].call_id, "failed", ItemResult(cost_nano=9))], NOW + 2)
    found = await store.find(calls[0].call_id)
    assert found is not None
    assert (found.state, found.result, found.done_ms, found.settled) == ("answered", first, NOW + 1, True)
    assert len(await store.members(batch.id)) == 2


async def test_unwanted_calls_are_canceled_or_their_batch_is_to_be(store: BatchStore) -> None:
    calls = [item("a"), item("b"), item("c")]
    await ready(store, *calls)
    batch = await store.form(calls[0].group, NOW, LIMITS)
    await ready(store, item("d"), item("free", ends_with=""))
    assert await store.open_runs("", 10) == [("a", "run"), ("b", "run"), ("c", "run"), ("d", "run")]
    assert await store.open_runs("b", 1) == [("c", "run")]
    await store.unwant(["a", "b", "d"], NOW)
    leased = await store.lease(NOW, NOW + 1, "me")
    assert leased is not None
    assert batch is not None
    assert (leased.id, leased.cancel) == (batch.id, False)
    canceled = await store.unsettled(10)
    assert [one.call_id for one in canceled] == ["d"]
    await store.settled(["d"])
    assert await store.unsettled(10) == []
    await store.unwant(["c"], NOW)
    await store.change(leased)
    again = await store.lease(NOW + 1, NOW + 2, "me")
    assert again is not None
    assert again.cancel, "one that was requested meanwhile stays"
    assert await store.open_runs("", 10) == []


async def test_steps_of_ended_calls_are_woken_until_they_take_them(store: BatchStore) -> None:
    calls = [item("a"), item("b"), item("c")]
    await ready(store, *calls)
    await store.form(calls[0].group, NOW, LIMITS)
    await store.unwant(["c"], NOW)
    done = [Done(one.call_id, "answered", ItemResult()) for one in calls]
    await store.finish(done, NOW)
    assert [one.call_id for one in await store.to_wake(NOW, 10)] == ["a", "b"]
    await store.woken({"a": NOW + 30, "b": NOW + 30})
    assert await store.to_wake(NOW + 29, 10) == []
    await store.take("a")
    assert [one.call_id for one in await store.to_wake(NOW + 30, 10)] == ["b"]


async def test_new_calls_are_forgotten_and_ended_ones_removed_after_their_time(store: BatchStore) -> None:
    await store.add(item("new"))
    assert await store.forgotten(NOW) == []
    assert await store.forgotten(NOW + 1) == ["new"]
    await ready(store, item("a"), item("b"), item("c"))
    batch = await store.form(item().group, NOW, LIMITS)
    await store.finish([Done(name, "expired", ItemResult()) for name in "abc"], NOW)
    leased = await store.lease(NOW, NOW, "me")
    assert batch is not None
    assert leased is not None
    await store.change(structs.replace(leased, state="ended", ended_ms=NOW, provider_id="p"))
    assert await store.known(["p", "q"], "another") == {"p"}
    assert await store.known(["p"], batch.id) == set()
    assert await store.purge(NOW) == 0
    assert await store.purge(NOW + 1) == 1
    assert await store.find("a") is None
    assert await store.find("new") is not None


async def test_open_calls_are_counted_by_state_with_the_age_of_the_oldest(store: BatchStore) -> None:
    assert await store.standing() == Standing({}, 0)
    await ready(store, item("a"), item("b"))
    await store.form(item().group, NOW, LIMITS)
    await store.add(structs.replace(item("c"), created_ms=NOW - 5))
    assert await store.standing() == Standing({"batched": 2, "new": 1}, NOW - 5)
    await store.finish([Done(one, "answered", ItemResult()) for one in ("a", "b")], NOW)
    assert await store.standing() == Standing({"new": 1}, NOW - 5)
