"""An organisation moves between two local cells under load, and what it left behind is removed."""

import pytest

from bench.prove.deploy.cells import AIMS, measure
from bench.targets import Verdict


@pytest.mark.timeout(300)
def test_an_organisation_moves_with_all_that_it_has() -> None:
    said: list[str] = []
    aims = {aim.name: aim for aim in AIMS}
    lines = list(measure(True, said.append))
    missed = [
        (line.name, line.value, line.note) for line in lines if aims[line.name].verdict(line.value) is Verdict.MISSED
    ]
    assert missed == []
    assert {line.name for line in lines} == aims.keys()
