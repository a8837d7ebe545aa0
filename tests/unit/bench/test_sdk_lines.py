"""Submissions under faults are counted by a server that would see a second run."""

from bench.prove.surface.sdk import submit_all
from bench.surface.faulty_api import FAULTS, FaultyApi


def test_every_submission_is_one_run_whatever_the_server_does():
    found = submit_all(100, 0.4, seed=1)
    assert (found.known, found.runs) == (100, 100)
    assert set(found.faults) == set(FAULTS)
    assert found.requests == 100 + sum(found.faults.values())


def test_a_client_that_changed_its_key_would_make_a_second_run():
    api = FaultyApi(0, 0)
    first = api.submit("a", {"workflow_name": "w"})
    assert api.submit("a", {"workflow_name": "w"}) == first | {"duplicate": True}
    api.submit("b", {"workflow_name": "w"})
    assert len(api.runs) == 2
