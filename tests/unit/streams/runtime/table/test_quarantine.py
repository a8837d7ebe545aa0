"""Releasing a quarantined key: what waited is folded in order, live and in a restore alike."""

import orjson
import pytest

from bench.counting import CountFold
from connectors.ports.engine import InRecord
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from tests.support.harness import TOPIC, FailingFold, TableHarness


async def quarantined(harness: TableHarness) -> None:
    """Fold a key into quarantine with two records that wait, and let its owner go."""
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"boom"), ("b", b"1"), ("a", b"2"), ("a", b"3"))
    await engine.process([(owned, harness.inputs())])
    assert orjson.loads(harness.table.entity(0, QUARANTINE)["a"])["offsets"] == [1, 3, 4]


async def test_what_waited_is_folded_in_order_by_a_fold_that_was_mended() -> None:
    harness = TableHarness(FailingFold())
    await quarantined(harness)
    harness.fold = CountFold()
    engine, owned = await harness.owner()
    await harness.send(("a", b"release"), ("a", b"4"))
    await engine.process([(owned, harness.inputs(5))])
    assert harness.table.entity(0, "a") == {"n": b"5"}
    assert harness.table.entity(0, QUARANTINE) == {}
    assert len(owned.quarantine) == 0
    assert harness.counts() == [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"a", b"3"), (b"a", b"4"), (b"a", b"5")]


async def test_a_fold_that_still_fails_sets_the_same_records_aside_again() -> None:
    harness = TableHarness(FailingFold())
    await quarantined(harness)
    engine, owned = await harness.owner()
    await harness.send(("a", b"release"), ("a", b"4"))
    await engine.process([(owned, harness.inputs(5))])
    assert orjson.loads(harness.table.entity(0, QUARANTINE)["a"])["offsets"] == [1, 3, 4, 6]
    assert harness.table.entity(0, "a") == {"n": b"1"}


@pytest.mark.parametrize("mended", [True, False])
async def test_a_restore_of_the_log_ends_where_the_live_fold_did(mended: bool) -> None:
    harness = TableHarness(FailingFold())
    await quarantined(harness)
    harness.fold = CountFold() if mended else harness.fold
    engine, owned = await harness.owner()
    await harness.send(("a", b"release"), ("a", b"4"))
    await engine.process([(owned, harness.inputs(5))])
    live = {entity: harness.table.entity(0, entity) for entity in ("a", "b", QUARANTINE)}
    harness.table.forget(0)
    await harness.owner()
    restored = {entity: harness.table.entity(0, entity) for entity in ("a", "b", QUARANTINE)}
    assert restored["a"] == live["a"]
    assert restored["b"] == live["b"]
    if not mended:
        aside, before = (orjson.loads(state[QUARANTINE]["a"]) for state in (restored, live))
        assert aside["offsets"] == before["offsets"]


async def test_releasing_a_key_that_is_not_quarantined_changes_nothing() -> None:
    harness = TableHarness()
    engine, owned = await harness.owner()
    await harness.send(("a", b"1"), ("a", b"release"), ("a", b"1"))
    await engine.process([(owned, harness.inputs())])
    assert harness.table.entity(0, "a") == {"n": b"2"}
    assert harness.log.everything(f"{TOPIC}.dlq") == []


async def test_what_retention_took_is_missed_loudly_and_the_rest_is_folded(caplog: pytest.LogCaptureFixture) -> None:
    harness = TableHarness(FailingFold())
    await quarantined(harness)
    harness.fold = CountFold()
    kept = harness.log.read

    def read(topic: str, partition: int, start: int, end: int):
        return without(kept(topic, partition, start, end), 3)

    harness.log.read = read  # type: ignore[method-assign]
    engine, owned = await harness.owner()
    await harness.send(("a", b"release"))
    await engine.process([(owned, harness.inputs(5))])
    assert harness.table.entity(0, "a") == {"n": b"3"}
    assert "1 of 3 records of a released key are no longer in the log" in caplog.text


async def without(batches, offset: int):
    async for batch in batches:
        records: list[InRecord] = [record for record in batch if record.offset != offset]
        yield records
