"""The lines of the documents that describe topics: all floors hold, and a dead reference is noticed."""

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors.described import AIMS, leads_somewhere, measure, references


def test_every_floor_holds():
    lines = measure(True, print)
    assert [line.name for line in lines] == [aim.name for aim in AIMS]
    assert missed(AREAS["doors"], lines) == []


def test_dead_reference_is_found_at_any_depth():
    whole = {"a": [{"b": {"$ref": "#/components/c"}}, {"$ref": "#/components/d"}], "components": {"d": {}}}
    assert [leads_somewhere(whole, reference) for reference in references(whole)] == [False, True]
