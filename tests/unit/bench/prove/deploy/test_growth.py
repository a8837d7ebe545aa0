"""The lines of growth from a session's last line."""

import json

import pytest

from bench.prove.deploy.growth import figures_of, lines_of

FIGURES = {"runs": 90, "new": 40, "lost": 0, "doubled": 0, "money_nano": 0, "grown_s": 9.5, "problems": []}


def test_a_growth_that_held_and_one_that_did_not() -> None:
    lost, money, took = lines_of(figures_of(f"noise\n{json.dumps(FIGURES)}\n", ""))
    assert (lost.samples, money.samples, took.samples) == ((0,), (0,), (9.5,))
    assert "90 runs, 40 placed" in lost.note
    broken = lines_of(FIGURES | {"lost": 2, "problems": ["2 runs have no end"]})[0]
    assert (broken.samples, broken.note) == ((2,), "2 runs have no end")
    assert lines_of(FIGURES | {"problems": ["runs of before are open still"]})[0].samples == (1,)


def test_a_growth_without_an_end_is_an_error_with_its_words() -> None:
    with pytest.raises(ValueError, match="no broker"):
        figures_of("starting", "no broker")
