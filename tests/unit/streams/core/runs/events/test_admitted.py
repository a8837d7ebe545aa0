"""Runs that wait for their admission: what they ask, when they start, what they give back."""

import pytest

from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.run_events import RunAdmitted
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
