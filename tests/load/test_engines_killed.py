"""Broker, Redis (with all its data) and PostgreSQL killed -9 under load, one after the other; nothing is lost."""

import asyncio
import time
from pathlib import Path

import pytest

from deploy.local.system import ORG, PARTITIONS
from tests.support.checker import Checker
from tests.support.crashes import Load, crash_system
from tests.support.polling import until

IN_FLIGHT = 50
DOWN_S = 1.0
SETTLE_S = 60


@pytest.mark.timeout(180)
def test_engines_that_die_under_load_cost_time_and_nothing_else(tmp_path: Path) -> None:
    with crash_system(tmp_path, latency_ms=50) as (system, _):
        with Load(system, in_flight=IN_FLIGHT) as load:
            until(lambda: len(load.accepted) >= IN_FLIGHT, 20, "runs are in flight")
            for name in ("kafka", "redis", "postgres"):
                system.stack.engine(name).kill()
                time.sleep(DOWN_S)
                system.stack.engine(name).start()
                before = len(load.accepted)
                until(lambda seen=before: len(load.accepted) > seen + IN_FLIGHT, 40, f"work goes on after {name}")
            assert all(process.pid is not None for process in system.roles.values())
        report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, set(load.accepted)).settled(SETTLE_S))
    assert report.problems == []
    assert set(report.by_status) == {"succeeded"}
    assert report.money_difference_nano == 0
