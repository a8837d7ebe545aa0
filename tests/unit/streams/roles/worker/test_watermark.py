"""The watermark: whatever the order of acks, no unfinished record is ever passed."""

from hypothesis import given
from hypothesis import strategies as st

from streams.roles.worker.watermark import Taken, Watermark, Watermarks

P0, P1 = ("step-requests.gold", 0), ("step-requests.gold", 1)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Takes in rising order with gaps, and acks of taken offsets, in any interleaving, some acks repeated."""
    offsets = sorted(draw(st.sets(st.integers(0, 200), min_size=1, max_size=40)))
    events: list[tuple[str, int]] = []
    taken: list[int] = []
    for offset in offsets:
        events.append(("take", offset))
        taken.append(offset)
        events += [("ack", o) for o in draw(st.lists(st.sampled_from(taken), max_size=4))]
    return events + [("ack", o) for o in draw(st.lists(st.sampled_from(taken), max_size=60))]


@given(histories())
def test_it_is_the_lowest_unfinished_or_one_past_the_last(events: list[tuple[str, int]]) -> None:
    watermark = Watermark()
    taken: set[int] = set()
    acked: set[int] = set()
    before = -1
    for kind, offset in events:
        if kind == "take":
            assert watermark.take(offset)
            taken.add(offset)
        else:
            watermark.ack(offset)
            acked.add(offset)
        unfinished = taken - acked
        assert watermark.commit == (min(unfinished) if unfinished else max(taken) + 1)
        assert watermark.span == (max(taken) + 1 - min(unfinished) if unfinished else 0)
        assert watermark.outstanding == len(unfinished)
        assert watermark.commit >= before, "without a re-read it never goes back"
        before = watermark.commit


@given(histories(), st.integers(0, 200))
def test_reading_again_lowers_it_and_repeats_are_told_apart(events: list[tuple[str, int]], again: int) -> None:
    watermark = Watermark()
    taken: set[int] = set()
    acked: set[int] = set()
    for kind, offset in events:
        if kind == "take":
            watermark.take(offset)
            taken.add(offset)
        else:
            watermark.ack(offset)
            acked.add(offset)
    unfinished = taken - acked
    passed = not unfinished or again < min(unfinished)
    known = again in unfinished or (again in acked and not passed)
    assert watermark.take(again) is not known
    assert watermark.commit == min([*unfinished, again] if not known else unfinished)
    watermark.ack(again)
    assert watermark.commit == min(unfinished - {again}, default=max(taken | {again}) + 1)


def test_nothing_is_committed_before_the_first_record() -> None:
    watermarks = Watermarks(max_span=10)
    watermarks.assign({P0})
    assert watermarks.commits() == {}


def test_a_late_ack_of_an_earlier_tenure_does_not_count() -> None:
    watermarks = Watermarks(max_span=10)
    watermarks.assign({P0})
    old = watermarks.take(P0, 5)
    assert old is not None
    watermarks.revoke({P0})
    watermarks.ack(old)
    assert watermarks.commits() == {}
    watermarks.assign({P0})
    assert watermarks.take(P0, 5) is not None, "a new tenure takes it again"
    watermarks.ack(old)
    assert watermarks.commits() == {P0: 5}, "the old tenure's ack is not the new one's"


def test_records_of_a_partition_that_left_are_not_taken() -> None:
    watermarks = Watermarks(max_span=10)
    watermarks.assign({P0, P1})
    watermarks.revoke({P1})
    assert watermarks.take(P1, 0) is None


def test_a_partition_whose_span_is_used_up_is_closed_until_its_lowest_is_done() -> None:
    watermarks = Watermarks(max_span=3)
    watermarks.assign({P0, P1})
    tickets = [watermarks.take(P0, offset) for offset in (10, 11, 12)]
    assert watermarks.open() == {P1}
    for ticket in reversed(tickets):
        assert watermarks.open() == {P1}, "only the lowest one moves the watermark"
        assert ticket is not None
        watermarks.ack(ticket)
    assert watermarks.open() == {P0, P1}
    assert watermarks.commits() == {P0: 13}


def test_partitions_that_stay_keep_what_they_know() -> None:
    watermarks = Watermarks(max_span=3)
    watermarks.assign({P0})
    watermarks.take(P0, 7)
    watermarks.assign({P0, P1})
    assert watermarks.commits() == {P0: 7}


def test_the_oldest_is_what_holds_the_watermark_back() -> None:
    watermarks = Watermarks(max_span=3)
    watermarks.assign({("t", 0), ("t", 1)})
    assert (watermarks.oldest_ms(), watermarks.longest_span(), watermarks.closed()) == (None, 0, {})
    first = watermarks.take(("t", 0), 5, Taken("step a", 100))
    second = watermarks.take(("t", 0), 6, Taken("step b", 200))
    watermarks.take(("t", 1), 0, Taken("step c", 150))
    assert (watermarks.oldest_ms(), watermarks.longest_span(), watermarks.closed()) == (100, 2, {})
    watermarks.take(("t", 0), 7, Taken("step d", 300))
    (closed,) = watermarks.closed().values()
    assert closed.oldest == Taken("step a", 100)
    assert first is not None
    assert second is not None
    watermarks.ack(second)
    assert watermarks.oldest_ms() == 100
    watermarks.ack(first)
    assert (watermarks.oldest_ms(), watermarks.closed()) == (150, {})
