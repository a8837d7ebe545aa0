"""Steps of a queue, leased over HTTP by workers that have nothing but a key."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from schemas.records.run_events import StepSucceeded
from tests.support.client import define_workflow, submission, submit, unique, wait_for_run
from tests.support.topics import read_decoded
from topics import catalogue


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("leases"), durable=False) as started:
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
    outcomes = [
        r for r in read_decoded(system.endpoints.kafka_bootstrap, catalogue.RUN_EVENTS) if isinstance(r, StepSucceeded)
    ]
    assert len([r for r in outcomes if r.run_id == run_id]) == 1
