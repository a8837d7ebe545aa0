"""The topics of runs grow under load; the command is killed halfway and given again."""

from pathlib import Path

import pytest

from tests.chaos.growth import play


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_when_topics_grow_under_load(tmp_path: Path) -> None:
    figures = play(tmp_path, 60)
    assert figures["problems"] == []
    assert (figures["lost"], figures["doubled"], figures["money_nano"]) == (0, 0, 0)
    assert figures["new"] > 60
