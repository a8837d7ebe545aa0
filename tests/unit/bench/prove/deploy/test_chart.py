"""The lines of the chart."""

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.deploy.chart import AIMS, MISTAKES, measure


def test_every_floor_holds():
    lines = measure(True, print)
    assert [line.name for line in lines] == [aim.name for aim in AIMS]
    assert missed(AREAS["deploy"], lines) == []
    assert len(MISTAKES) >= 10
