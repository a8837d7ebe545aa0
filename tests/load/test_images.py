"""The images: built twice with equal contents, small, and every role completes the sample from them."""

import pytest

from bench.lines import NotThere
from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.deploy import images


@pytest.mark.timeout(2_400)
@pytest.mark.exhaustive
def test_images_hold_their_floors(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        lines = images.measure(False, print)
    except NotThere as exc:
        pytest.skip(f"NOT BUILT: {exc}")
    with capsys.disabled():
        print("\n" + "\n".join(f"{line.name} {line.value:.4g} {line.unit}  # {line.note}" for line in lines))  # noqa: T201
    assert {line.name for line in lines} == {aim.name for aim in images.AIMS}
    assert missed(AREAS["deploy"], lines) == []
