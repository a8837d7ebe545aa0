"""Runs that wait for their admission: what they ask, when they start, what they give back."""

import pytest

from schemas.errors import BadRecord
from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.flow import FlowGate, RunFlow
from schemas.records.run_events import CancelRequested, RunAdmitted
from schemas.spec.rules_version import FLOW
from streams.core.commands import Count, Emit
from tests.support.runs import ORG, RUN, World, function, resolved, submitted

OF_RUN = {"run_id": RUN, "org_id": ORG, "workflow_name": "flow"}
ASKED, RELEASED, ADMITTED = AdmissionAsked(**OF_RUN), AdmissionReleased(**OF_RUN), RunAdmitted(**OF_RUN)


@pytest.fixture
def world():
    return World()


def submit(world, *nodes, **more):
    world.submit(*(nodes or (function("a"),)), turns=True, **more)


def said(world):
    """What the last event said to the table of admissions."""
    records = [c.record for c in world.last if isinstance(c, Emit)]
    return [r for r in records if isinstance(r, AdmissionAsked | AdmissionReleased)]


def test_it_stays_queued_and_asks(world):
    submit(world)
    assert world.status == "queued"
    assert said(world) == [ASKED]
    assert world.asked() == []
    assert [view.status for view in world.views] == ["queued"]


def test_it_starts_when_it_is_admitted_once(world):
    submit(world)
    world.feed(ADMITTED)
    assert (world.status, world.asked()) == ("running", [("a", 1)])
    assert world.feed(ADMITTED) == []
    world.succeed("a")
    assert world.status == "succeeded"
    assert said(world) == [RELEASED]


@pytest.mark.parametrize("admitted", [False, True])
def test_who_is_canceled_gives_back(world, admitted):
    submit(world)
    if admitted:
        world.feed(ADMITTED)
    world.cancel()
    assert world.status == "canceled"
    assert said(world) == [RELEASED]


def test_a_deadline_ends_it_in_line(world):
    submit(world, deadline_ms=50)
    world.fire("deadline")
    assert world.status == "failed"
    assert said(world) == [RELEASED]


def test_an_admission_that_comes_too_late_is_given_back(world):
    submit(world)
    world.cancel()
    world.feed(ADMITTED)
    assert said(world) == [RELEASED]
    assert world.status == "canceled"


def test_an_admission_of_nobody_is_given_back(world):
    assert world.feed(ADMITTED) == [Emit(RELEASED)]
    assert world.state.entities() == []


def test_an_admission_of_another_organisation_is_not_heard(world):
    submit(world)
    world.feed(RunAdmitted(run_id=RUN, org_id="other", workflow_name="flow"))
    assert world.status == "queued"
    assert isinstance(world.last[0], Count)


def test_a_run_without_turns_says_nothing(world):
    world.submit(function("a"))
    assert said(world) == []
    world.succeed("a")
    assert said(world) == []
    assert "tu" not in world.state.fields(RUN)


def test_a_repeated_submission_does_not_ask_again(world):
    submit(world)
    assert world.feed(world.events[0][0]) == []


def test_who_is_restored_asks_or_gives_back_again(world):
    def outstanding():
        records = [c.record for c in world.rules.outstanding(world.state, RUN, 0) if isinstance(c, Emit)]
        return [r for r in records if isinstance(r, AdmissionAsked | AdmissionReleased)]

    submit(world)
    assert outstanding() == [ASKED]
    world.feed(ADMITTED)
    assert outstanding() == []
    world.succeed("a")
    assert outstanding() == [RELEASED]


def test_what_compensates_runs_without_its_place(world):
    spec = resolved(function("a"), function("undo"), on_failure="undo")
    world.feed(submitted(spec, turns=True))
    world.feed(ADMITTED)
    world.fail("a", retryable=False)
    assert said(world) == [RELEASED]
    world.succeed("undo")
    assert said(world) == []


FLOW_OF_RUN = RunFlow(version=1, submitted_at_ms=5, gates=[FlowGate(kind="concurrency", key="k", limit=1)])


def gated(world, *, turns=False, **more):
    world.submit(function("a"), flow=FLOW_OF_RUN, turns=turns, rules_version=FLOW, **more)


@pytest.mark.parametrize("turns", [False, True])
def test_a_run_with_gates_asks_with_them_and_starts_when_it_is_admitted(world, turns):
    gated(world, turns=turns)
    assert world.status == "queued"
    assert said(world) == [AdmissionAsked(**OF_RUN, flow=FLOW_OF_RUN, limited=turns)]
    world.feed(ADMITTED)
    world.succeed("a")
    assert (world.status, said(world)) == ("succeeded", [RELEASED])


def test_a_restored_run_asks_with_its_gates_again(world):
    gated(world)
    records = [c.record for c in world.rules.outstanding(world.state, RUN, 0) if isinstance(c, Emit)]
    assert AdmissionAsked(**OF_RUN, flow=FLOW_OF_RUN, limited=False) in records


def test_a_run_that_flow_control_ends_says_why_and_for_which(world):
    gated(world)
    world.feed(CancelRequested(run_id=RUN, org_id=ORG, code="debounced", reason="run b came", by_run="b"))
    error = world.views[-1].error
    assert (world.status, error.code, error.details) == ("canceled", "debounced", {"by_run": "b"})
    assert said(world) == [RELEASED]


def test_a_run_that_never_began_is_not_undone_and_one_that_began_is(world):
    nodes = (function("a"), function("undo"))
    for began in (False, True):
        other = World()
        spec = resolved(*nodes, on_cancel="undo")
        other.feed(submitted(spec, flow=FLOW_OF_RUN, rules_version=FLOW))
        if began:
            other.feed(ADMITTED)
        other.feed(CancelRequested(run_id=RUN, org_id=ORG, code="superseded", reason="b", by_run="b"))
        assert ("undo" in [node for node, _ in other.asked()]) is began


def test_gates_need_their_rules(world):
    with pytest.raises(BadRecord, match="passes gates of flow control"):
        world.submit(function("a"), flow=FLOW_OF_RUN, rules_version=FLOW - 1)
