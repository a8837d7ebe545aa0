"""The lines of encryption: a quick run starts nothing, and the ratio has a floor that a slow encryption misses."""

from bench.prove.area import line_of, missed
from bench.prove.areas import AREAS
from bench.prove.doors.encryption import AIMS, measure


def test_quick_run_starts_nothing_and_says_so():
    said: list[str] = []
    assert measure(True, said.append) == []
    assert "not measured in a quick run" in said[0]


def test_encryption_that_doubles_the_cost_misses_the_floor():
    assert missed(AREAS["doors"], [line_of(AIMS, "encryption_cost_ratio", 1.3)]) == []
    assert missed(AREAS["doors"], [line_of(AIMS, "encryption_cost_ratio", 2.0)]) != []
