"""Pauses: gaps between results while runs are open, and which faults they are laid to."""

from tests.chaos.hands import Done
from tests.chaos.pauses import NONE, Pause, longest, pauses, slowest
from tests.chaos.plan import Fault

END = 100_000


def done(kind: str, target: str, began_ms: int, ended_ms: int) -> Done:
    return Done(Fault(0, kind, target, 1.0), began_ms, ended_ms)  # type: ignore[arg-type]


def test_a_gap_between_results_of_an_open_run_is_a_pause() -> None:
    found = pauses({"a": (1_000, 0)}, {"a": [1_100, 4_100, 4_200]}, [], END)
    assert found == [Pause(3.0, 3.0, 0, 1_100)]


def test_a_partition_without_open_runs_does_not_stand_still() -> None:
    runs = {"a": (1_000, 0), "b": (9_000, 0)}
    assert pauses(runs, {"a": [1_100], "b": [9_700]}, [], END) == [Pause(0.7, 0.7, 0, 9_000)]


def test_partitions_are_looked_at_one_by_one() -> None:
    runs = {"a": (1_000, 0), "b": (1_000, 1)}
    found = pauses(runs, {"a": [1_200, 1_500, 1_900], "b": [3_000]}, [], END)
    assert [(pause.partition, pause.seconds) for pause in found] == [(1, 2.0)]


def test_a_run_that_never_got_a_result_stands_still_to_the_end() -> None:
    assert pauses({"a": (1_000, 2)}, {}, [], 6_000) == [Pause(5.0, 5.0, 2, 1_000)]


def test_a_run_that_was_submitted_after_the_end_is_no_matter() -> None:
    assert pauses({"a": (7_000, 2)}, {"a": [9_000]}, [], 6_000) == []


def test_what_counts_as_recovery_begins_when_the_last_fault_is_over() -> None:
    faults = [done("stop", "kafka", 1_500, 5_000), done("kill", "worker-1", 40_000, 41_000)]
    (pause,) = pauses({"a": (1_000, 0)}, {"a": [1_100, 7_500]}, faults, END)
    assert (pause.seconds, pause.after_s) == (6.4, 2.5)
    assert pause.faults == ("stop kafka for 1.0 s",)


def test_a_fault_that_is_still_under_way_excuses_the_pause() -> None:
    (pause,) = pauses({"a": (1_000, 0)}, {"a": [1_100, 7_500]}, [done("stop", "kafka", 1_500, 9_000)], END)
    assert pause.after_s == 0


def test_the_worst_are_found() -> None:
    some = [Pause(3.0, 1.0, 0, 1), Pause(2.0, 1.5, 1, 2)]
    assert (longest(some), slowest(some)) == (some[0], some[1])
    assert longest([]) == slowest([]) == NONE
