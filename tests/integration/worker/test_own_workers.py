"""Users' own workers, as processes that are killed: over HTTP with the SDK, over Kafka with the SDK, and in Java."""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.surface.queues import LEASES_ALONE, Kind, java_there, served
from deploy.local.system import System
from tests.support.topics import read_decoded

RUNS, KILLS = 24, 2


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("own"), durable=False, layout=LEASES_ALONE) as started:
        yield started


@pytest.mark.parametrize("kind", ["http", "python", "java"])
def test_workers_that_are_killed_lose_nothing_and_double_nothing(system: System, kind: Kind) -> None:
    if kind == "java" and not java_there():
        pytest.skip("no Java that compiles is installed")

    def read(topic: str) -> list[Any]:
        return read_decoded(system.endpoints.kafka_bootstrap, topic)

    found = served(system, kind, RUNS, KILLS, read, lambda _: None)
    assert (found.runs, found.lost, found.doubled) == (RUNS, 0, 0)
