"""The table of faults on every wire, see ``tests/provider_faults``: right class, right money, no hang."""

import asyncio

import pytest

from tests.provider_faults.calls import CASES, Case, play_all
from tests.provider_faults.table import FAULTS, WIRES


@pytest.fixture(scope="module")
def played() -> dict[str, list[str]]:
    """Play all cases at once: most of their time is waiting."""
    return asyncio.run(play_all())


def test_there_are_forty_faults_on_each_wire() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    assert len(CASES) == len(FAULTS) * len(WIRES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_fault_has_its_class_and_its_money(played: dict[str, list[str]], case: Case) -> None:
    assert played[case.name] == []
