"""What failed runs share."""

import pytest

from bench.observability.faults import fault_case
from bench.prove.observability.root_cause import seen
from services.observability.cause.shared import shared
from services.observability.cause.spectrum import Spectrum


def test_failed_runs_share_their_cause_and_the_version_that_they_ran():
    case = next(one for one in (fault_case(seed, "deploy") for seed in range(20)) if len(one.peers) > 60)
    runs = [seen(one) for one in (case.run, *case.peers)]
    found = shared(runs, {run.run_id: {"team": "a"} for run in runs})
    assert found.failed + found.healthy == len(runs)
    assert found.failed >= 5
    assert (found.causes[0].node, found.causes[0].kind) == (case.step, "deploy")
    assert case.run.run_id in found.causes[0].runs
    # All runs have the tag, so it tells nothing.
    assert not any(one.what.startswith("tag") for one in found.things)
    assert found.things[0].spectrum.ochiai > 0.7


def test_runs_without_failures_share_nothing():
    case = fault_case(1, "budget")
    found = shared([one for one in map(seen, case.peers) if not one.failed])
    assert (found.failed, list(found.things), list(found.causes), found.explained) == (0, [], [], 0)


def test_scores_of_spectra_are_those_of_their_formulas():
    one = Spectrum(failed_with=3, failed=4, healthy_with=1, healthy=10)
    assert one.ochiai == pytest.approx(3 / (4 * 4) ** 0.5)
    assert one.tarantula == pytest.approx(0.75 / 0.85)
    nothing = Spectrum(failed_with=0, failed=0, healthy_with=0, healthy=0)
    assert (nothing.ochiai, nothing.tarantula) == (0.0, 0.0)
