"""A record that came to another partition than its key's is put there once, and folded nowhere else."""

from connectors.ports.engine import InRecord
from streams.runtime.table.misplaced import MOVED, is_stray, moved
from tests.support.harness import TOPIC, TableHarness


def record(partition: int, headers: tuple[tuple[str, bytes], ...] = ()) -> InRecord:
    return InRecord("run-events", partition, 0, 1, b"run-1", b"{}", headers)


def place(key: bytes) -> int:
    return 3


def test_a_record_of_another_partition_is_moved_with_all_that_it_has() -> None:
    assert is_stray(record(0), place)
    assert not is_stray(record(3), place)
    out = moved(record(0, (("label", b"x"),)))
    assert (out.topic, out.key, out.value) == ("run-events", b"run-1", b"{}")
    assert out.headers == (("label", b"x"), (MOVED, b"1"))


def test_a_record_that_was_moved_stays_wherever_it_is() -> None:
    assert not is_stray(record(0, ((MOVED, b"1"),)), place)
    assert not is_stray(InRecord("run-events", 0, 0, 1, None, b"{}", ()), place)


async def test_the_engine_passes_a_stray_on_and_folds_the_others() -> None:
    harness = TableHarness(place=lambda key: 0 if key == b"mine" else 1)
    engine, owned = await harness.owner()
    await harness.send(("mine", b"x"), ("theirs", b"x"), ("mine", b"x"))
    await engine.process([(owned, harness.inputs())])
    assert harness.counts() == [(b"mine", b"1"), (b"mine", b"2")]
    strays = harness.inputs()[3:]
    assert [(one.key, dict(one.headers)) for one in strays] == [(b"theirs", {MOVED: b"1"})]
    assert owned.next_offset == 3
    await engine.process([(owned, strays)])
    assert harness.counts()[-1] == (b"theirs", b"1"), "nobody could place it, so it goes round no more"
    assert TOPIC == "run-events"
