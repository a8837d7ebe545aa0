"""What the lines of flow control count: each planted fault is found in the records, and nothing else."""

import pytest

from bench.prove.doors import flow_control
from bench.prove.doors.flow_control import LIMIT, judged


def asked(run, key="k"):
    return {"type": "admission.asked", "run_id": run, "workflow_name": "w", "flow": {"gates": [{"key": key}]}}


def admitted(run):
    return {"type": "run.admitted", "run_id": run, "workflow_name": "w"}


def released(run):
    return {"type": "admission.released", "run_id": run, "workflow_name": "w"}


def played(*events):
    return judged(enumerate(events), "w")


def test_keys_that_hold_are_no_fault():
    assert LIMIT == 2
    one = [asked("a"), asked("b"), asked("c"), admitted("a"), admitted("b"), released("a"), admitted("c")]
    found = played(*one, released("c"), released("b"))
    assert (found.over, found.lost, found.out_of_order, dict(found.most)) == (0, 0, 0, {"k": 2})


@pytest.mark.parametrize(
    ("events", "faults"),
    [
        ([admitted("a"), admitted("b"), admitted("c"), released("a"), released("b"), released("c")], (1, 0, 0)),
        ([admitted("a"), released("a"), admitted("b"), admitted("c"), released("c")], (0, 1, 0)),
        ([admitted("b"), released("b"), admitted("a"), admitted("c"), released("a"), released("c")], (0, 0, 1)),
    ],
)
def test_each_fault_is_counted(events, faults):
    found = played(asked("a"), asked("b"), asked("c"), *events)
    assert (found.over, found.lost, found.out_of_order) == faults


def test_places_that_are_free_together_are_given_together():
    found = played(*map(asked, "abc"), *map(admitted, "bac"), *map(released, "abc"))
    assert (found.lost, found.out_of_order) == (0, 0)


def test_other_keys_other_workflows_and_repeats_do_not_count():
    other = admitted("x") | {"workflow_name": "other"}
    runs = [asked("a"), asked("a"), asked("b", "two"), asked("c", "two"), other]
    found = played(*runs, *map(admitted, "abca"), *map(released, "aabc"))
    assert (found.over, found.lost, found.out_of_order) == (0, 0, 0)


def test_a_quick_run_measures_nothing_since_integration_tests_play_the_same():
    assert flow_control.measure(True, lambda _: None) == []
