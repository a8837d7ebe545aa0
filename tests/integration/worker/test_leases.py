"""Steps of a queue, leased over HTTP by workers that have nothing but a key."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.surface.queues import LEASES_ALONE, Kind, java_there, served
from deploy.local.system import System
from schemas.records.run_events import StepSucceeded
from tests.support.client import define_workflow, submission, submit, unique, wait_for_run
from tests.support.polling import until
from tests.support.topics import read_decoded
from topics import catalogue

KILLED_RUNS = 8


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("leases"), durable=False, layout=LEASES_ALONE) as started:
        yield started


def step(id_: str, queue: str, policy: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    config = {"tool_name": "theirs", "tool_args": args, "inputs": {}}
    return {"id": id_, "type": "tool", "queue": queue, "config": config, "policy": policy or {}}


def lease(client: httpx.Client, queue: str, **more: Any) -> list[dict[str, Any]]:
    body = {"worker_id": "w-1", "lease_s": 2, "wait_s": 9} | more
    answer = client.post(f"/api/v1/queues/{queue}/lease", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["leases"])


def leased(client: httpx.Client, queue: str, **more: Any) -> dict[str, Any]:
    """Lease one step, for as long as it takes."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := lease(client, queue, **more):
            return found[0]
    raise AssertionError(f"no step of {queue} came")


def say(client: httpx.Client, queue: str, what: str, **body: Any) -> httpx.Response:
    return client.post(f"/api/v1/queues/{queue}/{what}", json=body)


def recorded(system: System, run_id: str) -> list[Any]:
    """The outputs of a run's steps in the log."""
    records = read_decoded(system.endpoints.kafka_bootstrap, catalogue.RUN_EVENTS)
    return [r.output.value for r in records if isinstance(r, StepSucceeded) and r.run_id == run_id]


def test_a_step_is_leased_and_completed(system: System, client: httpx.Client) -> None:
    queue = unique("q")
    flow = define_workflow(client, step("a", f"org/{queue}", text="hello"))
    run_id = submit(client, submission(flow))
    one = leased(client, queue)
    assert (one["run_id"], one["step_id"], one["attempt"], one["starts"]) == (run_id, "a", 1, 1)
    assert (one["work"], one["args"]) == ({"kind": "tool", "name": "theirs", "config": {}}, {"text": "hello"})
    first = say(client, queue, "complete", lease=one["lease"], output={"n": 1})
    assert first.json() == {"repeated": False}
    again = say(client, queue, "complete", lease=one["lease"], output={"n": 2})
    assert again.json() == {"repeated": True}
    found = wait_for_run(client, run_id, outputs=True)
    assert (found["status"], found["output"]) == ("succeeded", {"a": {"n": 1}})
    assert recorded(system, run_id) == [{"n": 1}]


def test_a_lease_that_ends_is_given_on_with_its_progress(client: httpx.Client) -> None:
    queue = unique("q")
    run_id = submit(client, submission(define_workflow(client, step("a", f"org/{queue}"))))
    first = leased(client, queue, worker_id="dies")
    answer = say(client, queue, "heartbeat", lease=first["lease"], progress={"page": 7})
    assert answer.json() == {"canceled": False, "lease_s": 2.0}
    second = leased(client, queue, worker_id="lives", lease_s=600)
    assert (second["attempt"], second["starts"], second["progress"]) == (1, 2, {"page": 7})
    for what, body in (("complete", {"output": 1}), ("heartbeat", {})):
        refused = say(client, queue, what, lease=first["lease"], **body)
        assert refused.status_code == 409
        assert "this lease is over" in refused.json()["detail"]
    assert say(client, queue, "release", lease=first["lease"]).json() == {"released": False}
    say(client, queue, "complete", lease=second["lease"], output=2).raise_for_status()
    assert wait_for_run(client, run_id, outputs=True)["output"] == {"a": 2}


def test_a_failed_attempt_is_retried_with_the_last_progress(client: httpx.Client) -> None:
    queue = unique("q")
    policy = {"retries": {"max_attempts": 2, "initial_ms": 10}}
    run_id = submit(client, submission(define_workflow(client, step("a", f"org/{queue}", policy))))
    first = leased(client, queue, lease_s=600)
    say(client, queue, "heartbeat", lease=first["lease"], progress=3).raise_for_status()
    error = {"code": "no_page", "message": "page 4 is missing", "retryable": True}
    cost = {"usd": "0.5", "provider": "acme", "model": "m"}
    say(client, queue, "complete", lease=first["lease"], error=error, cost=cost).raise_for_status()
    second = leased(client, queue, lease_s=600)
    assert (second["attempt"], second["starts"], second["progress"]) == (2, 1, 3)
    say(client, queue, "complete", lease=second["lease"], output="done").raise_for_status()
    found = wait_for_run(client, run_id, outputs=True)
    assert (found["status"], found["by_id"]["a"]["attempts"]) == ("succeeded", 2)
    assert found["cost_usd"] == "0.5"


def test_a_released_step_is_leased_at_once_and_not_counted(client: httpx.Client) -> None:
    queue = unique("q")
    submit(client, submission(define_workflow(client, step("a", f"org/{queue}"))))
    first = leased(client, queue, lease_s=600)
    assert say(client, queue, "release", lease=first["lease"]).json() == {"released": True}
    again = leased(client, queue, lease_s=600)
    assert (again["attempt"], again["starts"]) == (1, 1)


def test_a_heartbeat_says_that_the_run_was_canceled(client: httpx.Client) -> None:
    queue = unique("q")
    run_id = submit(client, submission(define_workflow(client, step("a", f"org/{queue}"))))
    one = leased(client, queue, lease_s=600)
    client.post(f"/api/v1/workflows/runs/{run_id}/cancel").raise_for_status()
    assert wait_for_run(client, run_id)["status"] == "canceled"
    assert say(client, queue, "heartbeat", lease=one["lease"]).json()["canceled"] is True


def test_other_organisations_neither_lease_nor_complete(client: httpx.Client) -> None:
    queue, org = unique("q"), unique("org").replace("_", "-")
    made = client.post("/api/v1/organisations", json={"id": org, "name": org})
    made.raise_for_status()
    theirs = httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {made.json()['key']['key']}"})
    submit(client, submission(define_workflow(client, step("a", f"org/{queue}"), step("b", queue))))
    with theirs:
        refused = theirs.post(f"/api/v1/queues/{queue}/lease", json={"worker_id": "w", "wait_s": 0})
        assert refused.status_code == 404, "it is a queue of theirs that no workflow names"
        refused = say(theirs, queue, "lease", worker_id="w", of="installation")
        assert refused.status_code == 403
        assert "platform's own key" in refused.json()["detail"]
        one = leased(client, queue, lease_s=600)
        for what, body in (("complete", {"output": 1}), ("heartbeat", {})):
            assert say(theirs, queue, what, lease=one["lease"], **body).status_code == 409
        assert say(theirs, queue, "release", lease=one["lease"]).json() == {"released": False}
    both = leased(client, queue, of="installation", lease_s=600)
    assert (one["step_id"], both["step_id"]) == ("a", "b")


def test_a_queue_is_served_by_leases_and_by_our_own_workers_at_once(system: System, client: httpx.Client) -> None:
    queue = unique("both")
    node = {
        "id": "join",
        "type": "function",
        "queue": f"org/{queue}",
        "config": {"function_name": "result_merger", "inputs": {"text": "{{text}}"}},
    }
    flow = define_workflow(client, node)
    worker = system.role("worker-of-queue", ["worker"], {"WORKER_QUEUES": f"default.{queue}"})
    worker.start()
    runs: list[str] = []
    leased_here = 0
    try:
        # Until the role has joined the group, our own worker has all partitions.
        while not 0 < leased_here < len(runs) and len(runs) < 200:
            runs += [submit(client, submission(flow, {"text": str(len(runs) + n)})) for n in range(8)]
            while one := lease(client, queue, max=8, wait_s=1, lease_s=60):
                for mine in one:
                    body = {"lease": mine["lease"], "output": mine["args"]["text"]}
                    say(client, queue, "complete", **body).raise_for_status()
                leased_here += len(one)
        assert 0 < leased_here < len(runs)
        for n, run_id in enumerate(runs):
            assert wait_for_run(client, run_id, outputs=True)["output"] == {"join": str(n)}
        records = read_decoded(system.endpoints.kafka_bootstrap, catalogue.RUN_EVENTS)
        said = [r.run_id for r in records if isinstance(r, StepSucceeded) and r.run_id in runs]
        assert sorted(said) == sorted(runs)
    finally:
        worker.stop()


def test_a_queue_that_nobody_serves_is_named(client: httpx.Client) -> None:
    queue = unique("q")
    run_id = submit(client, submission(define_workflow(client, step("a", f"org/{queue}"))))
    path = f"/api/v1/workflows/runs/{run_id}/waiting"
    waits = until(lambda: client.get(path).json().get("steps") or None, 30, "the step waits")
    assert f"nobody reads step-requests.default.{queue}" in waits[0]["waiting"]["detail"]
    leased(client, queue, lease_s=600)
    waits = client.get(path).json()["steps"]
    assert (waits[0]["waiting"]["kind"], waits[0]["waiting"]["on"]) == ("claim", "w-1")


@pytest.mark.parametrize(
    "kind",
    ["http", pytest.param("python", marks=pytest.mark.exhaustive), pytest.param("java", marks=pytest.mark.exhaustive)],
)
def test_workers_that_are_killed_lose_nothing_and_double_nothing(system: System, kind: Kind) -> None:
    if kind == "java" and not java_there():
        pytest.skip("no Java that compiles is installed")

    def read(topic: str) -> list[Any]:
        return read_decoded(system.endpoints.kafka_bootstrap, topic)

    found = served(system, kind, KILLED_RUNS, 2, read, lambda _: None)
    assert (found.runs, found.lost, found.doubled) == (KILLED_RUNS, 0, 0)


def test_leases_outlive_a_killed_role(system: System, client: httpx.Client) -> None:
    queue = unique("q")
    run_id = submit(client, submission(define_workflow(client, step("a", f"org/{queue}"))))
    one = leased(client, queue, lease_s=600)
    system.roles["leases"].kill()
    try:
        assert say(client, queue, "heartbeat", lease=one["lease"]).status_code == 200
        say(client, queue, "complete", lease=one["lease"], output="done").raise_for_status()
        assert wait_for_run(client, run_id, outputs=True)["output"] == {"a": "done"}
    finally:
        system.roles["leases"].start()
