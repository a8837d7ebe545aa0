"""A session folds a run's records one at a time, as the table of runs does."""

from msgspec import structs

from streams.core.replay.records import Recorded
from streams.core.replay.session import Session
from tests.support.runs import RUN, START_MS, function, resolved, submitted


def test_a_spec_with_another_hash_than_it_says_is_refused_though_the_right_one_was_replayed_before() -> None:
    event = submitted(resolved(function("a")))
    (right,) = Session(RUN).feed(Recorded(0, START_MS, event))
    assert right.fault is None
    forged = resolved(function("b")).model_copy(update={"hash": event.spec.hash})
    (wrong,) = Session(RUN).feed(Recorded(0, START_MS, structs.replace(event, spec=forged)))
    assert "has another hash than it says" in str(wrong.fault)
    assert wrong.commands == []
