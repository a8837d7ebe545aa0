"""The lines of triggers on a running system, in their quick sizes: kill -9 of the role and of the worker."""

import pytest

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.doors import triggers


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_every_floor_of_triggers_holds() -> None:
    lines = triggers.measure(True, print)
    assert {line.name for line in lines} == {aim.name for aim in triggers.AIMS}
    assert missed(AREAS["doors"], lines) == []
