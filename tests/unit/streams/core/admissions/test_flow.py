"""Flow control, rule by rule."""

import pytest

from schemas.records.admissions import FlowDue
from schemas.records.run_events import CancelRequested, RunAdmitted
from schemas.tables.admissions import POOL, QUEUES
from streams.core.admissions import flow as flow_module
from streams.core.memory import MemoryState
from tests.support.flow import FlowTable, concurrency, debounce, rate


@pytest.fixture
def table():
    return FlowTable()


def left(table: FlowTable) -> list[str]:
    """Return what is left in the table beside the pool, which has no runs."""
    return [field for field in table.snapshot()[QUEUES] if field != POOL]


def test_a_key_lets_as_many_through_as_its_limit_and_the_others_in_the_order_in_which_they_came(table):
    gate = concurrency(limit=2)
    assert [table.passes(run, gate) for run in "abcd"] == [["a"], ["b"], [], []]
    assert table.release("b") == ["c"]
    assert table.release("a") == ["d"]
    assert table.release("c") == table.release("d") == []
    assert left(table) == []


def test_keys_do_not_wait_for_each_other(table):
    assert table.passes("a", concurrency("one")) == ["a"]
    assert table.passes("b", concurrency("one")) == []
    assert table.passes("c", concurrency("two")) == ["c"]


def test_organisations_do_not_share_keys(table):
    assert table.passes("a", concurrency()) == ["a"]
    assert table.passes("b", concurrency(), org="other") == ["b"]


def test_a_run_that_leaves_the_line_leaves_no_hole_and_returns_nothing(table):
    for run in "abcd":
        table.passes(run, concurrency())
    assert table.release("b") == []
    assert table.release("a") == ["c"]
    assert table.release("d") == table.release("c") == []
    assert left(table) == []


def test_a_repeated_release_returns_a_key_once(table):
    for run in "abc":
        table.passes(run, concurrency())
    assert table.release("a") == ["b"]
    assert table.release("a") == []


def test_a_repeated_ask_is_answered_as_before_and_takes_no_second_place(table):
    for run in "ab":
        table.passes(run, concurrency())
    assert table.passes("a", concurrency()) == ["a"]
    assert table.passes("b", concurrency()) == []
    assert table.release("a") == ["b"]
    assert table.release("b") == []
    assert left(table) == []


def test_a_run_that_was_over_before_it_asked_takes_nothing(table):
    table.release("a")
    assert table.passes("a", concurrency()) == []
    assert left(table) == []


def test_gates_are_passed_one_after_the_other(table):
    gates = concurrency("customer"), concurrency("all", 2, rule="")
    assert table.passes("a", *gates) == ["a"]
    assert table.passes("b", *gates) == []
    assert table.passes("c", concurrency("other"), gates[1]) == ["c"]
    assert table.passes("d", concurrency("third"), gates[1]) == []
    assert table.release("a") == ["d"], "b stands behind d in the line of all"
    assert table.release("c") == ["b"]


def test_a_refused_run_ends_and_says_why(table):
    table.passes("a", concurrency(on_excess="reject"))
    assert table.passes("b", concurrency(on_excess="reject")) == []
    (end,) = table.ended
    assert (end.run_id, end.code, end.by_run) == ("b", "concurrency_exceeded", "")
    assert "1 runs of the key inputs.k were running" in end.reason
    assert table.release("b") == []
    assert table.release("a") == []
    assert left(table) == []


def test_the_oldest_is_canceled_and_the_new_one_waits_for_its_end(table):
    gate = concurrency(limit=2, on_excess="cancel_oldest")
    for run in "ab":
        table.passes(run, gate)
    assert table.passes("c", gate) == []
    assert table.ends() == {"a": ("superseded", "c")}
    assert table.passes("d", gate) == []
    assert table.ends() == {"a": ("superseded", "c"), "b": ("superseded", "d")}
    assert table.release("a") == ["c"]
    assert table.release("b") == ["d"]
    for run in "cd":
        table.release(run)
    assert left(table) == []


def test_one_that_waits_is_canceled_when_it_is_the_oldest(table):
    gate = concurrency(on_excess="cancel_oldest")
    for run in "abc":
        table.passes(run, gate)
    assert table.ends() == {"a": ("superseded", "b"), "b": ("superseded", "c")}
    assert table.release("a") == ["c"]
    assert table.release("b") == []
    table.release("c")
    assert left(table) == []


def test_a_rate_starts_no_more_than_its_limit_in_any_period(table):
    gate = rate(limit=2)
    assert table.passes("a", gate) == ["a"]
    table.pass_time(400)
    assert [table.passes(run, gate) for run in "bcde"] == [["b"], [], [], []]
    assert table.pass_time(599) == []
    assert table.pass_time(1) == ["c"]
    assert table.pass_time(399) == []
    assert table.pass_time(1) == ["d"]
    assert table.pass_time(600) == ["e"]
    for run in "abcde":
        assert table.release(run) == []
    table.pass_time(1_000)
    assert left(table) == []
    assert table.timers == {}


def test_the_last_that_waits_for_a_rate_counts_as_a_start(table):
    for run in "ab":
        table.passes(run, rate())
    assert table.pass_time(1_000) == ["b"]
    assert table.passes("c", rate()) == []
    assert table.pass_time(1_000) == ["c"]


def test_the_last_that_waits_for_a_key_finds_its_limit(table):
    for run in "ab":
        table.passes(run, concurrency(), version=2)
    assert table.release("a") == ["b"]
    assert table.passes("c", concurrency(limit=5), version=1) == [], "the newest version's limit is remembered"


def test_a_rate_may_refuse(table):
    table.passes("a", rate(on_excess="reject"))
    table.passes("b", rate(on_excess="reject"))
    assert table.ends() == {"b": ("rate_exceeded", "")}
    table.pass_time(1_000)
    assert table.passes("c", rate(on_excess="reject")) == ["c"]


def test_an_end_returns_no_start(table):
    table.passes("a", rate())
    table.passes("b", rate())
    assert table.release("a") == []
    assert table.pass_time(1_000) == ["b"]


def test_a_timer_that_fires_twice_lets_nobody_more_through(table):
    for run in "abc":
        table.passes(run, rate())
    ((timer, due_ms),) = table.timers.items()
    assert table.pass_time(1_000) == ["b"]
    assert table.fire(timer, due_ms) == []
    assert table.pass_time(1_000) == ["c"], "the timer that is armed since outlives the repeat"


def test_a_timer_that_comes_by_a_clock_behind_counts_by_its_own_time(table):
    for run in "ab":
        table.passes(run, rate())
    ((timer, due_ms),) = table.timers.items()
    table.now_ms = due_ms - 5
    assert table.fire(timer, due_ms) == ["b"]


def test_the_last_of_a_key_is_made_when_no_other_has_come_for_a_period(table):
    assert table.passes("a", debounce()) == []
    table.pass_time(900)
    assert table.passes("b", debounce()) == []
    assert table.ends() == {"a": ("debounced", "b")}
    assert table.release("a") == []
    assert table.pass_time(999) == []
    assert table.pass_time(1) == ["b"]
    assert table.release("b") == []
    assert left(table) == []


def test_a_debounce_waits_no_longer_than_it_may(table):
    gate = debounce(max_wait_ms=1_500)
    for run in "abcd":
        table.passes(run, gate)
        table.pass_time(400)
    assert table.told == ["d"]
    assert table.passes("e", gate) == []
    assert "d" not in table.ends(), "it has passed"


def test_a_run_that_was_submitted_before_is_not_the_last(table):
    table.passes("b", debounce(), at_ms=table.now_ms)
    table.passes("a", debounce(), at_ms=table.now_ms - 1)
    assert table.ends() == {"a": ("debounced", "b")}
    assert table.pass_time(1_000) == ["b"]


def test_a_run_that_ends_while_it_is_delayed_takes_its_timer_along(table):
    table.passes("a", debounce())
    table.release("a")
    assert table.timers == {}
    assert left(table) == []


def test_behind_a_debounce_the_other_gates_hold(table):
    gates = debounce(), concurrency()
    table.passes("a", *gates)
    assert table.pass_time(1_000) == ["a"]
    table.passes("b", *gates)
    assert table.pass_time(1_000) == []
    assert table.release("a") == ["b"]


def test_the_limit_of_the_newest_version_holds(table):
    for run in "abc":
        table.passes(run, concurrency(limit=1))
    assert table.passes("d", concurrency(limit=3), version=2) == ["b", "c"]
    assert table.passes("e", concurrency(limit=9), version=1) == []
    assert table.release("a") == ["d"]


def test_behind_the_gates_limits_of_the_organisation_hold(table):
    table.limit(1)
    assert table.passes("a", concurrency("one"), limited=True) == ["a"]
    assert table.passes("b", concurrency("two"), limited=True) == []
    assert table.passes("c", concurrency("three")) == ["c"], "no limit holds for this one"
    assert table.queues.organisation("acme").running == 1
    assert table.release("a") == ["b"]
    assert table.release("b") == table.release("c") == []
    assert left(table) == ["l:acme"]


def test_more_than_one_record_lets_through_go_on_with_the_next(table, monkeypatch):
    monkeypatch.setattr(flow_module, "MAX_AT_ONCE", 2)
    for number in range(7):
        table.passes(f"r{number}", concurrency(limit=1))
    assert table.passes("last", concurrency(limit=8), version=2) == [f"r{n}" for n in range(1, 7)] + ["last"]
    assert sum(isinstance(event, FlowDue) for event, _ in table.log) == 3


def test_a_restored_table_repeats_what_it_decided(table):
    table.passes("a", concurrency(on_excess="cancel_oldest"))
    table.passes("b", concurrency(on_excess="cancel_oldest"))
    table.passes("c", rate())
    table.passes("d", rate())
    table.passes("e", debounce())
    stored = MemoryState()
    for field, data in table.snapshot()[QUEUES].items():
        stored.put(QUEUES, field, table.fold.decode(QUEUES, field, data))
    records = [command.record for command in table.fold.outstanding(stored, QUEUES, 0)]
    ends = [(one.run_id, one.code) for one in records if isinstance(one, CancelRequested)]
    assert ends == [("a", "superseded")]
    assert [one.run_id for one in records if isinstance(one, RunAdmitted)] == ["c"]
    assert table.stored_timers() == table.timers
    assert len(table.timers) == 2
