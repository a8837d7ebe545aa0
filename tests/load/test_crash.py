"""100 three-step runs in flight; every role killed -9 twice at random moments, Redis flushed once; nothing is lost."""

import asyncio
import os
import random
import time
from pathlib import Path

import httpx
import pytest
from redis import Redis

from deploy.local.system import ORG, PARTITIONS
from tests.support.checker import Checker
from tests.support.crashes import Load, crash_system, random_moments

SEED = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
ROLES = ["orchestrator", "worker", "budgets"]
FLUSH = "redis"
SETTLE_S = 60


@pytest.mark.exhaustive  # the minute of chaos has these kills among others
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "encrypted"])
def test_crashes_lose_nothing_and_double_nothing(tmp_path: Path, capsys, tls: bool) -> None:
    with crash_system(tmp_path, tls=tls) as (system, model_url):
        redis = Redis.from_url(system.endpoints.redis_url)
        moments = random_moments(SEED, ROLES, 2)
        moments.insert(len(moments) // 2, (0.5, FLUSH))
        with Load(system, in_flight=100) as load:
            wait_for(lambda: len(load.accepted) >= 100, 20)
            for pause, role in moments:
                time.sleep(pause)
                if role == FLUSH:
                    redis.flushall()
                else:
                    system.roles[role].kill()
                    system.roles[role].start()
        redis.close()
        checker = Checker(system.endpoints, PARTITIONS, ORG, set(load.accepted))
        report = asyncio.run(checker.settled(SETTLE_S))
        calls = httpx.get(f"{model_url}/calls", trust_env=False).json()
    with capsys.disabled():
        print(  # noqa: T201 - the figures belong in the test's output
            f"\ncrash test, seed {SEED}: {report}; repeated provider calls {calls['repeated']} of {calls['total']}"
        )
    assert report.problems == [], f"seed {SEED}: {report.problems}"
    assert report.by_status == {"succeeded": len(load.accepted)}
    assert report.money_difference_nano == 0


def wait_for(condition, seconds: float) -> None:
    """Poll until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
