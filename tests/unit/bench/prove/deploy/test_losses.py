"""The lines of losses from a session's last line."""

import json

import pytest

from bench.prove.deploy.losses import AIMS, figures_of, lines_of

FIGURES = {
    "redis": "cluster",
    "seconds": 9,
    "ended": {"succeeded": 4},
    "violations": {},
    "longest_pause_s": 16.3,
    "faults": {"kill": 3},
}


def test_a_session_that_held_and_one_that_did_not() -> None:
    promises, stall = lines_of("cluster", figures_of(f"noise\n{json.dumps(FIGURES, separators=(',', ':'))}\n", ""))
    assert (promises.samples, stall.samples) == ((0,), (16.3,))
    assert "3 kills, 4 runs ended" in promises.note
    broken, _ = lines_of("sentinel", FIGURES | {"violations": {"bill": 2, "states": 1}})
    assert broken.samples == (3,)
    aims = {aim.name: aim for aim in AIMS}
    assert str(aims["losses_longest_stall_s_cluster"].floor) == "<=15"


def test_a_session_without_an_end_is_an_error_with_its_words() -> None:
    with pytest.raises(ValueError, match="no broker"):
        figures_of("starting", "no broker")
