"""The fold of admissions, rule by rule."""

import pytest

from schemas.errors import BadRecord
from schemas.metrics import ADMISSION_DELAY_SECONDS
from schemas.records.admissions import AdmissionContinued
from schemas.records.run_events import RunAdmitted
from schemas.tables.admissions import POOL, QUEUES, run_entity
from streams.core.admissions.fold import MAX_AT_ONCE, REMEMBERED_MS
from streams.core.commands import Emit, ExpireAt, Observe
from tests.support.turns import Table


@pytest.fixture
def table():
    return Table()


def test_who_is_not_limited_is_admitted_at_once(table):
    assert table.ask("a") == ["a"]
    assert table.queues.organisation("acme").running == 1


def test_the_word_of_admission_says_what_a_run_needs_to_answer_it(table):
    table.ask("a", workflow="w/1")
    (word,) = [c.record for c in table.last if isinstance(c, Emit)]
    assert word == RunAdmitted(run_id="a", org_id="acme", workflow_name="w/1")


def test_a_full_organisation_lets_one_in_for_each_that_is_over_the_oldest_first(table):
    table.limit(2)
    assert [table.ask(run) for run in "abcd"] == [["a"], ["b"], [], []]
    assert table.release("b") == ["c"]
    assert table.release("a") == ["d"]
    assert table.release("c") == []
    assert table.queues.organisation("acme").running == 1


def test_a_repeated_question_is_not_a_second_place(table):
    table.limit(1)
    table.ask("a")
    table.ask("b")
    assert table.ask("b") == []
    assert table.release("a") == ["b"]
    assert table.release("b") == []
    assert table.queues.pool.waiting == table.queues.pool.running == 0


def test_who_was_admitted_and_asks_again_is_told_again(table):
    table.ask("a")
    assert table.ask("a") == ["a"]
    assert table.queues.organisation("acme").running == 1


def test_a_repeated_release_gives_one_place(table):
    table.limit(1)
    for run in "abc":
        table.ask(run)
    assert table.release("a") == ["b"]
    assert table.release("a") == []
    assert table.queues.organisation("acme").running == 1


def test_who_is_over_is_not_heard_until_it_is_forgotten(table):
    table.ask("a")
    table.release("a")
    assert table.expiries() == [ExpireAt(run_entity("a"), table.now_ms + REMEMBERED_MS)]
    assert table.ask("a") == []
    table.expire()
    # A ghost: it is over, so its run answers with another release.
    assert table.ask("a") == ["a"]
    assert table.release("a") == []
    assert table.queues.pool.running == 0


def test_who_is_over_before_it_asked_is_not_heard(table):
    table.release("a")
    assert table.ask("a") == []
    assert table.queues.pool.running == 0


@pytest.mark.parametrize("gone", ["b", "c", "d"])
def test_who_leaves_the_line_leaves_its_place_in_it(table, gone):
    table.limit(1)
    for run in "abcd":
        table.ask(run)
    assert table.release(gone) == []
    left = [run for run in "bcd" if run != gone]
    assert table.release("a") == [left[0]]
    assert table.release(left[0]) == [left[1]]
    assert table.release(left[1]) == []
    assert table.queues.pool.waiting == 0


def test_a_line_of_nothing_but_holes_is_an_empty_line(table):
    table.limit(1)
    for run in "abcd":
        table.ask(run)
    for run in "dcb":
        table.release(run)
    assert table.release("a") == []
    assert table.ask("e") == ["e"]
    assert table.ask("f") == []
    assert table.release("e") == ["f"]


def test_each_workflow_has_its_own_limit_and_the_oldest_of_those_with_room_is_next(table):
    table.limit(3, slow=1)
    assert table.ask("s1", workflow="slow") == ["s1"]
    assert table.ask("s2", workflow="slow") == []
    assert table.ask("q1", workflow="quick") == ["q1"]
    assert table.ask("q2", workflow="quick") == ["q2"]
    assert table.ask("q3", workflow="quick") == []
    assert table.release("q1", workflow="quick") == ["q3"]
    assert table.ask("q4", workflow="quick") == []
    assert table.release("s1", workflow="slow") == ["s2"]
    assert table.release("s2", workflow="slow") == ["q4"]


def test_a_limit_of_nothing_holds_all(table):
    table.limit(None, flow=0)
    assert table.ask("a") == []
    assert table.ask("b", workflow="other") == ["b"]
    assert table.limit(None, 2) == ["a"]


def test_a_raised_limit_lets_in_as_many_as_there_is_room_for(table):
    table.limit(1)
    for run in "abcde":
        table.ask(run)
    assert table.limit(3, 2) == ["b", "c"]
    assert table.limit(None, 3) == ["d", "e"]


def test_a_lowered_limit_stops_nothing_and_lets_less_in(table):
    table.limit(3)
    for run in "abcde":
        table.ask(run)
    assert table.limit(1, 2) == []
    assert table.queues.organisation("acme").running == 3
    assert [table.release(run) for run in "abc"] == [[], [], ["d"]]


def test_older_limits_change_nothing(table):
    table.limit(1, 5)
    assert table.limit(9, 4) == []
    assert table.ask("a") == ["a"]
    assert table.ask("b") == []
    assert table.limit(9, 5) == []


def test_organisations_take_turns_in_the_pool(table):
    table.pool(1)
    assert table.ask("a0", "a") == ["a0"]
    for number in range(1, 5):
        table.ask(f"a{number}", "a")
    table.ask("b0", "b")
    table.ask("b1", "b")
    table.ask("c0", "c")
    order, running = [], "a0"
    while running:
        admitted = table.release(running, running[0])
        order += admitted
        running = admitted[0] if admitted else ""
    assert order == ["a1", "b0", "c0", "a2", "b1", "a3", "a4"]


def test_an_organisation_that_is_full_itself_takes_no_turn(table):
    table.pool(2)
    table.limit(1, org="a")
    assert table.ask("a0", "a") == ["a0"]
    assert table.ask("a1", "a") == []
    assert table.ask("b0", "b") == ["b0"]
    table.ask("b1", "b")
    assert table.release("b0", "b") == ["b1"]
    assert table.release("a0", "a") == ["a1"]


def test_who_lost_what_it_had_its_turn_for_is_passed_over(table):
    table.pool(1)
    table.ask("a0", "a")
    table.ask("b0", "b")
    table.ask("c0", "c")
    table.release("b0", "b")
    assert table.release("a0", "a") == ["c0"]
    assert table.ask("b1", "b") == []
    assert table.release("c0", "c") == ["b1"]


def test_a_larger_pool_lets_more_in_and_no_pool_all(table):
    table.pool(1)
    for run in "abcd":
        table.ask(run, run)
    assert table.pool(2) == ["b"]
    assert table.pool(2) == []
    assert table.pool(0) == ["c", "d"]


def test_one_record_admits_so_many_and_asks_for_one_that_goes_on(table):
    table.limit(0)
    runs = [f"r{n}" for n in range(2 * MAX_AT_ONCE + 10)]
    for run in runs:
        table.ask(run)
    first = table.limit(None, 2)
    assert len(first) == MAX_AT_ONCE
    assert table.goes_on()
    second = table.feed(AdmissionContinued())
    assert len(second) == MAX_AT_ONCE
    assert table.goes_on()
    third = table.feed(AdmissionContinued())
    assert not table.goes_on()
    assert first + second + third == runs
    assert table.feed(AdmissionContinued()) == []


def test_a_word_that_goes_on_is_said_again_after_a_restore(table):
    table.limit(0)
    for number in range(MAX_AT_ONCE + 1):
        table.ask(f"r{number}")
    table.limit(None, 2)
    outstanding = [c.record for c in table.fold.outstanding(table.state, QUEUES, 0) if isinstance(c, Emit)]
    assert [r.run_id for r in outstanding if isinstance(r, RunAdmitted)] == table.told
    assert outstanding[-1] == AdmissionContinued()


def test_outstanding_are_the_words_of_those_that_run(table):
    table.limit(2)
    for run in "abcd":
        table.ask(run)
    table.release("a")
    table.release("d")
    outstanding = table.fold.outstanding(table.state, QUEUES, 0)
    assert [c.record.run_id for c in outstanding if isinstance(c, Emit)] == ["b", "c"]
    assert table.fold.outstanding(table.state, run_entity("b"), 0) == []


def test_the_time_in_line_is_observed_once_a_run(table):
    table.limit(1)
    table.ask("a")
    table.ask("b")
    table.now_ms += 2_500
    table.release("a")
    delays = [c for c in table.last if isinstance(c, Observe)]
    assert delays == [Observe(ADMISSION_DELAY_SECONDS, 2.5, (("workflow", "flow"),))]
    table.ask("b")
    assert [c for c in table.last if isinstance(c, Observe)] == []


def test_nothing_is_left_of_those_that_are_over(table):
    table.pool(2)
    for run in "abcd":
        table.ask(run, run)
    for run in "abcd":
        table.release(run, run)
    assert table.state.fields(QUEUES) == [POOL]


def test_names_with_slashes_are_told_apart(table):
    table.limit(None, **{"w": 1, "w/0": 1})
    assert table.ask("a", workflow="w") == ["a"]
    assert table.ask("b", workflow="w/0") == ["b"]
    assert table.ask("c", workflow="w") == []
    outstanding = [c.record for c in table.fold.outstanding(table.state, QUEUES, 0) if isinstance(c, Emit)]
    assert {(r.run_id, r.workflow_name) for r in outstanding} == {("a", "w"), ("b", "w/0")}


def test_bad_organisations_are_refused(table):
    with pytest.raises(BadRecord):
        table.ask("a", "a/b")
    table.ask("a", "acme")
    with pytest.raises(BadRecord):
        table.release("a", "other")


def test_a_full_project_lets_others_pass(table):
    table.limit(None, projects={"web": 1})
    assert [table.ask(run, project="web") for run in "ab"] == [["a"], []]
    assert table.ask("c") == ["c"]
    assert table.ask("d", project="app") == ["d"]
    assert table.queues.running_of_project("acme", "web") == 1
    assert table.release("a") == ["b"]
    assert table.release("b") == []
    assert table.queues.running_of_project("acme", "web") == 0


def test_a_workflows_limit_counts_its_runs_of_all_projects(table):
    table.limit(None, flow=2)
    assert table.ask("a", project="web") == ["a"]
    assert table.ask("b") == ["b"]
    assert table.ask("c", project="app") == []
    assert table.queues.running_of_workflow("acme", "flow") == 2
    assert table.release("b") == ["c"]


def test_of_queues_with_room_the_oldest_run_is_first(table):
    table.limit(1, projects={"web": 0})
    for run, project in (("a", ""), ("b", "web"), ("c", "app"), ("d", "")):
        table.ask(run, project=project)
    assert table.release("a") == ["c"]
    assert table.release("c") == ["d"]
    assert table.limit(1, 2) == []
    assert table.release("d") == ["b"]


@pytest.mark.parametrize("project", ["a@b", "a/b", "x" * 65, "not an id"])
def test_a_project_that_is_no_id_has_no_limit(table, project):
    table.limit(None, projects={"b": 0})
    assert table.ask("a", project=project) == ["a"]
    assert table.release("a") == []
    assert table.queues.pool.running == 0
