"""Each numbered point of the engine's protocol: a real process is killed there, another goes on, nothing is wrong."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from deploy.local.system import ORG, PARTITIONS, System
from streams.runtime.table import crash_points
from tests.support.checker import Checker
from tests.support.crashes import crash_system

RUNS = 10
SETTLE_S = 45
#: At these points a table is being restored, so there must be something to restore.
AFTER_A_FLUSH = {crash_points.RESTORING, crash_points.RESTORED}
OWNERS = ("orchestrator", "budgets")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with crash_system(tmp_path_factory.mktemp("points"), latency_ms=20) as (system, _):
        yield system


def submit(system: System, name: str) -> set[str]:
    accepted = set()
    with system.client() as client:
        for number in range(RUNS):
            body = {"workflow_name": "three_steps", "inputs": {"text": f"Point {name}, text {number}. And on."}}
            # Without a key: after a flush nobody knows whether a key was used before the owner is back.
            answer = client.post("/api/v1/workflows/runs", json=body)
            assert answer.status_code == 202, answer.text
            accepted.add(answer.json()["id"])
    return accepted


def wait_for_death(process) -> None:
    deadline = time.monotonic() + 30
    while process.pid is not None:
        assert time.monotonic() < deadline, f"{process.name} was not killed at its point\n{process.log_tail()}"
        time.sleep(0.02)


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("point", crash_points.POINTS)
def test_a_crash_at_any_point_loses_and_doubles_nothing(system: System, owner: str, point: str) -> None:
    system.roles[owner].kill()
    if point in AFTER_A_FLUSH:
        with Redis.from_url(system.endpoints.redis_url) as redis:
            redis.flushall()
    doomed = system.role(owner, [owner], {"CRASH_POINT": point})
    doomed.launch()
    accepted = submit(system, f"{owner}-{point}")
    wait_for_death(doomed)
    assert doomed.process is not None
    assert doomed.process.returncode == -9
    system.roles[owner].start()
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, accepted).settled(SETTLE_S))
    assert report.problems == []
    assert set(report.by_status) == {"succeeded"}
