"""What one organisation has, no other one reaches: generated requests between three of them on the whole system."""

import asyncio
from pathlib import Path

import pytest

from tests.tenancy.play import play, stage


@pytest.mark.parametrize("requests", [400, pytest.param(5_000, marks=pytest.mark.exhaustive)])
def test_no_organisation_sees_or_changes_what_another_one_has(tmp_path: Path, requests: int) -> None:
    with stage(tmp_path) as system:
        played = asyncio.run(play(system, requests))
    assert not played.leaks, "\n".join(played.leaks)
    assert played.requests == requests
    # Lists are answered and things of others are not found, so that the requests did reach what they name.
    assert played.statuses[200] > requests // 10
    assert played.statuses[404] > requests // 4
    assert played.operations > 100
