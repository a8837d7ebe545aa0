"""Twenty minutes at half the capacity, under the limits of memory of ``docker-compose.prod.yml``."""

import pytest

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.deploy import soak
from bench.soak.lines import ENGINES


@pytest.mark.timeout(3_600)
@pytest.mark.exhaustive
def test_soak_holds_its_floors(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():  # a phase that prints nothing for ten minutes counts as hanging
        lines = soak.measure(False, print)
        print("\n" + "\n".join(f"{line.name} {line.value:.4g} {line.unit}  # {line.note}" for line in lines))  # noqa: T201
    engines = {f"soak_rss_kb_per_run_{name}" for name in ENGINES}  # of a longer soak
    assert {line.name for line in lines} == {aim.name for aim in soak.AIMS} - engines
    assert missed(AREAS["deploy"], lines) == []
