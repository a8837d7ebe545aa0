"""A worker is killed in paid calls, Redis forgets their holds, and no attempt is made again: each is settled once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from redis import Redis

from deploy.local.system import ORG, PARTITIONS
from tests.chaos.judges.bill import key_of
from tests.support.checker import Checker, settlements
from tests.support.crashes import crash_system

#: The worker is killed in a call, also by a machine that stalls meanwhile.
LATENCY_MS = 5_000
#: A hold lasts 12 s, and the system is slow where others work, too.
SETTLE_S = 90


def test_a_call_that_only_its_dead_caller_knew_is_settled(tmp_path: Path) -> None:
    with crash_system(tmp_path, latency_ms=LATENCY_MS) as (system, model_url), system.client() as client:
        canceled, refused = submit(client), submit(client)
        wait_for(lambda: len(answers(model_url, "calls")) == 2, 30)
        system.roles["worker"].kill()
        with Redis.from_url(system.endpoints.redis_url) as redis:
            redis.flushall()
        wait_for(lambda: canceled_by(client, canceled), 30)
        tight = {"name": "tight", "scope": "org", "period": "total", "limit_usd": "0.000000001"}
        client.post("/api/v1/budgets", json=tight).raise_for_status()
        wait_for(lambda: len(answers(model_url, "billed")) == 2, 30)
        wait_for(lambda: status(client, canceled) == "canceled", 60)
        system.roles["worker"].start()
        wait_for(lambda: status(client, refused) == "failed", 60)
        checker = Checker(system.endpoints, PARTITIONS, ORG, {canceled, refused})
        report = asyncio.run(checker.settled(SETTLE_S))
        calls, billed = answers(model_url, "calls"), answers(model_url, "billed")
    assert report.problems == []
    assert checker.seen.failures["budget_exceeded"] == 1
    assert list(calls.values()) == [1, 1], "an attempt was made again"
    settled = list(settlements(checker.seen.costs).values())
    assert sorted((key_of(one.call_id), one.kind) for one in settled) == sorted((key, "presumed") for key in billed)
    assert (len(settled), report.money_difference_nano) == (2, 0)


def submit(client: httpx.Client) -> str:
    """Submit a run; return its id."""
    body = {"workflow_name": "three_steps", "inputs": {"text": "Only one caller knows of this."}}
    answer = client.post("/api/v1/workflows/runs", json=body)
    answer.raise_for_status()
    run: str = answer.json()["id"]
    return run


def canceled_by(client: httpx.Client, run: str) -> bool:
    """Ask for the end of a run. Redis knew of it, and history may still have to learn of it."""
    return client.post(f"/api/v1/workflows/runs/{run}/cancel").status_code == 202


def status(client: httpx.Client, run: str) -> str:
    """Return a run's status as readers see it, or nothing."""
    return str(client.get(f"/api/v1/workflows/runs/{run}").json().get("status", ""))


def answers(model_url: str, what: str) -> dict:
    """Return the model's calls or answers by idempotency key."""
    found: dict = httpx.get(f"{model_url}/{what}", trust_env=False).json()["by_key"]
    return found


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Poll until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
