"""Ends of runs with calls in flight, on the whole system, with NATS and without; and what makes them good."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import RUNS, define_prompt, llm, merger, submission, submit, unique, wait_for_run
from tests.support.polling import until

#: Longer than any of these tests may wait, and shorter than what the worker waits for a model.
CALL_MS = 50_000
DEADLINE_S = 40.0
#: A cancel reaches the call by broadcast, not by anything that looks now and then.
AT_ONCE_S = 1.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"LOCAL_LATENCY_MS": str(CALL_MS), "WORKER_DRAIN_S": "1"}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    if system.stack.engine("nats").pid is None:
        system.stack.engine("nats").start()
    with system.client() as found:
        until(lambda: found.get("/ready").json()["dependencies"]["nats"]["status"] == "ok", DEADLINE_S, "NATS is there")
        yield found


def define(
    client: httpx.Client, *nodes: dict[str, Any], edges: str = "", after: dict[str, list[str]] | None = None
) -> str:
    """Register a workflow; return its name."""
    name, pairs = unique("flow"), [edge.split(">") for edge in edges.split()]
    dag = {"nodes": list(nodes), "edges": [{"from": a, "to": b} for a, b in pairs]} | (after or {})
    answer = client.post("/api/v1/workflows", json={"name": name, "version": 1, "dag": dag})
    assert answer.status_code == 201, answer.text
    return name


def in_flight(system: System) -> int:
    """How many attempts the worker works on."""
    port = system.roles["worker"].ready["metrics_port"]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    (line,) = (line for line in text.splitlines() if line.startswith("agentflow_worker_in_flight_attempts "))
    return int(float(line.split()[1]))


def call_in_flight(system: System, client: httpx.Client, **after: list[str]) -> str:
    """Submit a run of one long call and return its id once the model is asked."""
    nodes = [llm("ask", define_prompt(client, "Say something"))]
    nodes += [merger("undo", function_args={"strategy": "deep"}, inputs={"why": "{{run_error_code}}"})] if after else []
    run = submit(client, submission(define(client, *nodes, after=after)))
    until(lambda: in_flight(system) == 1, DEADLINE_S, "the call is in flight")
    until(lambda: client.get(f"{RUNS}/{run}").json()["status"] == "running", DEADLINE_S, "the run is in history")
    return run


def break_off(system: System, client: httpx.Client) -> tuple[str, float]:
    """Cancel a run whose call is in flight; return it and the seconds until the worker had let go of the call."""
    run = call_in_flight(system, client, on_cancel=["undo"])
    began = time.monotonic()
    assert client.post(f"{RUNS}/{run}/cancel").status_code == 202
    until(lambda: in_flight(system) == 0, DEADLINE_S, "the call is broken off", tick_s=0.01)
    return run, time.monotonic() - began


def test_a_cancel_breaks_the_call_off_and_is_made_good(system: System, client: httpx.Client) -> None:
    run, took_s = break_off(system, client)
    assert wait_for_run(client, run)["status"] == "canceled"
    until(lambda: not client.get(f"{RUNS}/{run}").json()["compensating"], DEADLINE_S, "it is made good")
    found = client.get(f"{RUNS}/{run}", params={"step_outputs": True}).json()
    states = {step["id"]: step["status"] for step in found["steps"]}
    assert (found["status"], states) == ("canceled", {"ask": "canceled", "undo": "succeeded"})
    (undo,) = (step for step in found["steps"] if step["id"] == "undo")
    assert "canceled" in str(undo["output"])
    # A machine that stands still for a second is no fault of ours; one that does so three times running is not likely.
    again = (break_off(system, client)[1] for _ in range(2))
    assert took_s < AT_ONCE_S or any(other_s < AT_ONCE_S for other_s in again)


def test_a_failure_beside_a_call_breaks_it_off(system: System, client: httpx.Client) -> None:
    fetch = {
        "id": "fetch",
        "type": "tool",
        "config": {"tool_name": "s3.fetch", "tool_args": {"bucket": "none", "key": "no-such-file"}},
        "policy": {"retries": {"max_attempts": 1}},
    }
    begin = {"id": "begin", "type": "signal", "config": {"name": "begin"}}
    flow = define(client, llm("ask", define_prompt(client, "Say something")), begin, fetch, edges="begin>fetch")
    run = submit(client, submission(flow))
    until(lambda: in_flight(system) == 1, DEADLINE_S, "the call is in flight")
    client.post(f"{RUNS}/{run}/signals/begin", json={}).raise_for_status()
    assert wait_for_run(client, run)["status"] == "failed"
    until(lambda: in_flight(system) == 0, DEADLINE_S, "the call is broken off")


def test_without_nats_the_run_ends_as_soon_and_the_call_goes_on(system: System, client: httpx.Client) -> None:
    run = call_in_flight(system, client)
    system.stack.engine("nats").kill()
    began = time.monotonic()
    assert client.post(f"{RUNS}/{run}/cancel").status_code == 202
    assert wait_for_run(client, run)["status"] == "canceled"
    assert time.monotonic() - began < DEADLINE_S
    assert in_flight(system) == 1
    # The call would still be in flight in the next test.
    system.roles["worker"].stop()
    system.roles["worker"].start()
