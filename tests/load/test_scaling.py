"""Processes come, drain and die in mid-load, and long calls hold up nobody: nothing is lost or doubled."""

import asyncio
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.roles import RoleProcess
from deploy.local.system import ORG, PARTITIONS, System
from streams.process.exit_codes import Exit
from tests.support.checker import Checker
from tests.support.crashes import Load, crash_system
from tests.support.polling import until
from tests.support.supervision import partitions_of, until_ended, until_ready

IN_FLIGHT = 20
SETTLE_S = 60.0
DEADLINE_S = 60.0
#: What is promised on a machine that does nothing else is 2 s; this one may be busy.
AT_ONCE_S = 8.0
LONG_CALL_MS = 10_000
LANES = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    with crash_system(tmp_path_factory.mktemp("scaling"), latency_ms=50) as (system, model_url):
        yield system, model_url


@pytest.mark.parametrize(
    "role", ["orchestrator", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("worker", "budgets"))]
)
def test_a_second_and_a_third_process_come_drain_and_die_in_mid_load(
    world: tuple[System, str], role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    system, _ = world
    everything = PARTITIONS * (LANES if role == "worker" else 1)
    first, drained, killed = system.roles[role], system.role(f"{role}-2", [role]), system.role(f"{role}-3", [role])
    until_ready(first)
    with Load(system, in_flight=IN_FLIGHT, name=role) as load:
        until(lambda: len(load.accepted) >= IN_FLIGHT, DEADLINE_S, "runs are in flight")
        for other in (drained, killed):
            other.launch()
        for other in (drained, killed):
            other.wait_ready()
        until(lambda: all(map(partitions_of, (first, drained, killed))), DEADLINE_S, "each has a share")
        work_goes_on(load)

        assert drained.process is not None
        drained.process.send_signal(signal.SIGTERM)
        drain_s = until_shared(everything, first, killed)
        assert until_ended(drained)[0] == Exit.STOPPED
        work_goes_on(load)

        killed.kill()
        kill_s = until_shared(everything, first)
        work_goes_on(load)
    with capsys.disabled():
        print(f"\n{role}: others had everything {drain_s:.1f} s after SIGTERM, {kill_s:.1f} s after kill -9")  # noqa: T201
    assert drain_s < AT_ONCE_S, "one that is told to stop leaves its partitions at once, not when its session is over"
    check(system, load.accepted)


def test_a_long_call_that_meets_a_rebalance_is_made_and_recorded_once(world: tuple[System, str]) -> None:
    system, model_url = world
    httpx.post(f"{model_url}/behaviour", json={"latency_ms": LONG_CALL_MS}, trust_env=False).raise_for_status()
    httpx.post(f"{model_url}/calls/reset", trust_env=False).raise_for_status()
    calls = lambda: httpx.get(f"{model_url}/calls", trust_env=False).json()  # noqa: E731
    first, second = system.roles["worker"], system.role("worker-4", ["worker"])
    until_ready(first)
    accepted = {submit(system, number) for number in range(4)}
    until(lambda: calls()["total"] == len(accepted), DEADLINE_S, "the calls are under way")
    called = time.monotonic()
    second.start()
    try:
        until(lambda: partitions_of(first) == partitions_of(second) == PARTITIONS * LANES // 2, DEADLINE_S, "halves")
        check(system, accepted)
    finally:
        second.stop()
        httpx.post(f"{model_url}/behaviour", json={"latency_ms": 50}, trust_env=False).raise_for_status()
    assert time.monotonic() - called > LONG_CALL_MS / 1000
    assert (calls()["total"], calls()["repeated"]) == (len(accepted), 0)


def until_shared(everything: int, *processes: RoleProcess) -> float:
    """Wait until these processes have all partitions among them; return how long that took, in seconds."""
    began = time.monotonic()
    until(lambda: sum(map(partitions_of, processes)) == everything, DEADLINE_S, "the others have everything")
    return time.monotonic() - began


def work_goes_on(load: Load) -> None:
    before = len(load.accepted)
    until(lambda: len(load.accepted) > before + IN_FLIGHT, DEADLINE_S, "runs end and new ones are submitted")


def submit(system: System, number: int) -> str:
    with system.client() as client:
        body = {"workflow_name": "three_steps", "inputs": {"text": f"Long call {number}. It has two sentences."}}
        answer = client.post("/api/v1/workflows/runs", json=body, headers={"Idempotency-Key": f"long-{number}"})
    answer.raise_for_status()
    return str(answer.json()["id"])


def check(system: System, accepted: set[str]) -> None:
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, set(accepted)).settled(SETTLE_S))
    assert report.problems == []
    assert (len(report.lost), len(report.doubled), report.money_difference_nano) == (0, 0, 0)
    assert set(report.by_status) == {"succeeded"}
