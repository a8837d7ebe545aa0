"""What measures compliance can be wrong, too: it says so when the check, the demands or the verifier do not work."""

import asyncio

import pytest

from bench.privacy.compliance import checked, tamperings
from bench.privacy.compliance.calls import World
from bench.privacy.compliance.checked import registration_check
from bench.privacy.compliance.workflows import POLICY, known_workflow
from schemas.compliance.report import verify_report
from schemas.policies.read import read_policy


def test_every_forbidden_send_of_forty_workflows_is_found_with_its_way_and_no_other() -> None:
    found = checked.checked(range(40))
    assert (found.bad_workflows > 10, found.sends > 20) == (True, True)
    assert (found.found, found.false, found.ways_wrong) == (found.sends, 0, 0)


def test_a_registration_warns_of_the_same_sends() -> None:
    one = next(known for known in map(known_workflow, range(40)) if known.forbidden)
    said = "\n".join(problem.message for problem in registration_check().warnings(one.workflow))
    for (node, name), routes in one.forbidden.items():
        for route in routes:
            assert f"node '{node}' can send data of class '{name}' to '{route}'" in said


def test_a_check_without_demands_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = read_policy(POLICY.document | {"compliance": None})
    monkeypatch.setattr(checked, "POLICY", bare)
    found = checked.checked(range(20))
    assert (found.found, found.sends > 0) == (0, True)


@pytest.mark.parametrize("reroute", [False, True])
def test_no_call_reaches_a_provider_that_may_not_have_its_data(reroute: bool) -> None:
    played = asyncio.run(World(5, reroute=reroute).play(120))
    assert (played.calls, played.leaked, played.unserved) == (120, [], [])
    assert played.fallbacks > 0
    assert played.rerouted > 0 if reroute else played.denied > 0


def test_calls_reach_them_without_demands() -> None:
    assert asyncio.run(World(5, demands=False).play(60)).leaked


def test_no_change_of_a_report_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tamperings.missed() == []
    monkeypatch.setattr(tamperings, "verify_report", lambda report, keys: (None, verify_report(report, keys)[1][:0]))
    assert len(tamperings.missed()) == len(tamperings.TAMPERINGS)
