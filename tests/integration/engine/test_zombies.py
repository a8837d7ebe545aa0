"""Zombies: a process that is stopped in the middle of something, replaced, and wakes up: nothing is lost or doubled.

``ZOMBIE_S`` is how long each sleeps at least once it was replaced, ``ZOMBIE_SESSION_MS`` the session that it loses; 30
s of both were tried by hand.
"""

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import psutil
import pytest

from deploy.local.roles import RoleProcess
from deploy.local.system import ORG, PARTITIONS, System
from streams.runtime.table import crash_points
from tests.support.checker import Checker
from tests.support.crashes import LEASE_MS, SESSION_MS, crash_system
from tests.support.polling import until
from tests.support.supervision import partitions_of, until_ready

RUNS = 10
SETTLE_S = 60.0
DEADLINE_S = 60.0
SLEEP_S = float(os.environ.get("ZOMBIE_S", "0"))
SESSION = {"SESSION_TIMEOUT_MS": os.environ.get("ZOMBIE_SESSION_MS", str(SESSION_MS))}
CALL_MS = 1_500


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    with crash_system(tmp_path_factory.mktemp("zombies"), latency_ms=20) as (system, model_url):
        yield system, model_url


@pytest.fixture
def accepted() -> set[str]:
    """The runs that a test submitted."""
    return set()


def submit(system: System, accepted: set[str], name: str, runs: int = RUNS) -> None:
    with system.client() as client:
        for number in range(runs):
            body = {"workflow_name": "three_steps", "inputs": {"text": f"Zombie {name}, text {number}. And on."}}
            answer = client.post("/api/v1/workflows/runs", json=body, headers={"Idempotency-Key": f"{name}-{number}"})
            assert answer.status_code == 202, answer.text
            accepted.add(answer.json()["id"])


def check(system: System, accepted: set[str]) -> None:
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, accepted).settled(SETTLE_S))
    assert report.problems == []
    assert (len(report.lost), len(report.doubled), report.money_difference_nano) == (0, 0, 0)
    assert set(report.by_status) == {"succeeded"}


def stopped(role: RoleProcess) -> bool:
    assert role.pid is not None
    return psutil.Process(role.pid).status() == psutil.STATUS_STOPPED


def wake(role: RoleProcess) -> None:
    assert role.pid is not None
    asyncio.run(asyncio.sleep(SLEEP_S))
    os.kill(role.pid, signal.SIGCONT)


def said(role: RoleProcess) -> str:
    return role.log_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("owner", "point", "name"),
    [
        ("orchestrator", crash_points.FOLDED, "another"),
        ("orchestrator", crash_points.EMITTED, "same"),
        ("budgets", crash_points.EMITTED, "another"),
        pytest.param("orchestrator", crash_points.FOLDED, "same", marks=pytest.mark.exhaustive),
        pytest.param("orchestrator", crash_points.EMITTED, "another", marks=pytest.mark.exhaustive),
        pytest.param("budgets", crash_points.FOLDED, "another", marks=pytest.mark.exhaustive),
        pytest.param("budgets", crash_points.FOLDED, "same", marks=pytest.mark.exhaustive),
        pytest.param("budgets", crash_points.EMITTED, "same", marks=pytest.mark.exhaustive),
    ],
)
def test_an_owner_that_wakes_in_the_middle_of_a_chunk_spoils_nothing_and_joins_again(
    world: tuple[System, str], accepted: set[str], owner: str, point: str, name: str
) -> None:
    system, _ = world
    system.roles[owner].stop()
    who = f"{owner}-{point}-{name}"
    zombie = system.role(f"{who}-zombie", [owner], {"CRASH_POINT": f"{point}:1:stop", **SESSION})
    zombie.launch()
    submit(system, accepted, f"{who}-before")
    until(lambda: stopped(zombie), DEADLINE_S, "it is stopped at its point")
    # One of the same name takes the zombie's place in the group at once, one of another when the session is over.
    replaced = {"GROUP_INSTANCE_ID": zombie.env["GROUP_INSTANCE_ID"]} if name == "same" else {}
    heir = system.role(f"{who}-heir", [owner], {**SESSION, **replaced})
    heir.start()
    try:
        until(lambda: partitions_of(heir) == PARTITIONS, DEADLINE_S, "the new owner has everything")
        check(system, accepted)
        wake(zombie)
        zombie.wait_ready(DEADLINE_S)
        until(
            lambda: partitions_of(zombie) == partitions_of(heir) == PARTITIONS // 2, DEADLINE_S, "both have their half"
        )
        submit(system, accepted, f"{who}-after")
        check(system, accepted)
        assert "was lost" not in said(heir), "a zombie must not take partitions back from its new owner"
    finally:
        zombie.stop()
        heir.stop()
        system.roles[owner].start()


def test_a_worker_that_wakes_after_its_claims_were_taken_over(world: tuple[System, str], accepted: set[str]) -> None:
    system, model_url = world
    httpx.post(f"{model_url}/behaviour", json={"latency_ms": CALL_MS}, trust_env=False).raise_for_status()
    zombie = system.roles["worker"]
    until_ready(zombie)
    calls = lambda: httpx.get(f"{model_url}/calls", trust_env=False).json()["by_key"]  # noqa: E731
    before = set(calls())
    submit(system, accepted, "worker-before")
    until(lambda: set(calls()) - before, DEADLINE_S, "a call is under way")
    assert zombie.pid is not None
    os.kill(zombie.pid, signal.SIGSTOP)
    heir = system.role("worker-heir", ["worker"])
    heir.start()
    try:
        until(
            lambda: any(n > 1 for n in calls().values()),
            DEADLINE_S + LEASE_MS / 1000,
            "the new owner makes a call again",
        )
        check_all_but_money(system, accepted)
        wake(zombie)
        until_ready(zombie)
        submit(system, accepted, "worker-after")
        check(system, accepted)
    finally:
        heir.stop()
        httpx.post(f"{model_url}/behaviour", json={"latency_ms": 20}, trust_env=False).raise_for_status()


def check_all_but_money(system: System, accepted: set[str]) -> None:
    """While the zombie sleeps, its holds are still there: their calls may yet come back."""
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, accepted).check())
    with system.client() as client:
        until(
            lambda: all(
                client.get(f"/api/v1/workflows/runs/{run}").json()["status"] == "succeeded" for run in accepted
            ),
            DEADLINE_S,
            "the new owner finishes everything",
        )
    assert report.doubled == set()
