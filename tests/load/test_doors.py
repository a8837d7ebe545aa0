"""The lines of open doors on a running system, in their quick sizes."""

import pytest

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors import through


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_every_floor_of_open_doors_holds() -> None:
    lines = through.measure(True, print)
    assert {line.name for line in lines} == {aim.name for aim in through.AIMS}
    assert missed(AREAS["doors"], lines) == []
