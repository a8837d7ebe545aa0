"""A worker that knows nothing of AgentFlow serves a queue; and our own worker does, by a setting."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.roles import RoleProcess
from deploy.local.system import System
from tests.support.client import define_workflow, fetch, merger, submission, submit, unique, wait_for_run
from tests.support.topics import read_decoded
from topics import catalogue
from topics.admin import TopicAdmin

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("queues"), durable=False) as started:
        yield started


@pytest.fixture
def start(system: System, tmp_path: Path) -> Iterator[Callable[[str], RoleProcess]]:
    """Starts the example as a process of its own."""
    started: list[RoleProcess] = []

    def run(queue: str) -> RoleProcess:
        argv = ["examples/worker_over_kafka.py", "--bootstrap", system.endpoints.kafka_bootstrap, "--queue", queue]
        process = RoleProcess(f"worker-{len(started)}", argv, {}, tmp_path / f"worker-{len(started)}.log")
        started.append(process)
        process.start()
        return process

    yield run
    for process in started:
        process.stop()


def count(id_: str, queue: str, policy: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    config = {"tool_name": "count_words", "tool_args": args, "inputs": {}}
    return {"id": id_, "type": "tool", "queue": queue, "config": config, "policy": policy or {}}


def test_the_example_imports_nothing_of_ours() -> None:
    text = (ROOT / "examples" / "worker_over_kafka.py").read_text()
    found = {line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert found - sys.stdlib_module_names == {"aiokafka"}


def test_a_foreign_worker_does_its_steps(
    system: System, client: httpx.Client, start: Callable[[str], RoleProcess]
) -> None:
    queue = unique("q")
    flow = define_workflow(
        client,
        fetch("read", "gettysburg.txt"),
        count("count", queue, text="read.output"),
        count("later", queue, text="count.output.longest", not_before=1),
        merger("join", inputs={"words": "count.output.words", "later": "later.output"}),
        edges="read>count count>later later>join",
    )
    start(queue)
    found = wait_for_run(client, submit(client, submission(flow)), outputs=True)
    text = (ROOT / "examples" / "documents" / "gettysburg.txt").read_text()
    assert found["status"] == "succeeded"
    assert found["by_id"]["count"]["output"]["words"] == len(text.split())
    assert found["by_id"]["later"]["output"]["words"] == 1
    assert found["by_id"]["later"]["attempts"] == 1, "a deferral is no attempt"
    requests = read_decoded(system.endpoints.kafka_bootstrap, catalogue.lane(queue))
    assert sorted((r.step_id, r.deferral, r.queue) for r in requests) == [
        ("count", 0, queue),
        ("later", 0, queue),
        ("later", 1, queue),
    ]


def test_a_foreign_worker_fails_a_step(client: httpx.Client, start: Callable[[str], RoleProcess]) -> None:
    queue = unique("q")
    flow = define_workflow(client, count("count", queue, text=5))
    start(queue)
    found = wait_for_run(client, submit(client, submission(flow)))
    assert (found["status"], found["error"]["code"]) == ("failed", "bad_arguments")
    assert found["by_id"]["count"]["attempts"] == 1


def test_a_foreign_worker_that_is_killed_is_followed_by_another(
    client: httpx.Client, start: Callable[[str], RoleProcess]
) -> None:
    queue = unique("q")
    flow = define_workflow(client, count("count", queue, text="one two"))
    start(queue).kill()
    run_id = submit(client, submission(flow))
    start(queue)
    assert wait_for_run(client, run_id, outputs=True)["output"] == {"count": {"words": 2, "longest": "one"}}


def test_our_own_worker_serves_queues_by_a_setting(system: System, client: httpx.Client) -> None:
    queue = unique("own")
    node = merger("join", inputs={"text": "{{text}}"}) | {"queue": queue}
    flow = define_workflow(client, node)
    run_id = submit(client, submission(flow, {"text": "hello"}))
    worker = system.role("worker-of-queue", ["worker"], {"WORKER_QUEUES": queue})
    worker.start()
    try:
        assert wait_for_run(client, run_id, outputs=True)["output"] == {"join": "hello"}
        # The others are still served by whoever serves them: members of one group may read different topics.
        other = define_workflow(client, merger("join", inputs={"text": "{{text}}"}))
        found = wait_for_run(client, submit(client, submission(other, {"text": "there"})))
        assert found["status"] == "succeeded"
    finally:
        worker.stop()


def test_our_own_worker_may_be_there_before_its_queue(system: System, client: httpx.Client) -> None:
    queue = unique("early")
    worker = system.role("worker-of-queue", ["worker"], {"WORKER_QUEUES": queue})
    worker.start()
    try:
        flow = define_workflow(client, merger("join", inputs={"text": "{{text}}"}) | {"queue": queue})
        found = wait_for_run(client, submit(client, submission(flow, {"text": "hello"})), outputs=True)
        assert found["output"] == {"join": "hello"}
    finally:
        worker.stop()


def test_a_bad_workflow_makes_no_topic(system: System, client: httpx.Client) -> None:
    queue = unique("never")
    bad = {"id": "b", "type": "function", "config": {"function_name": "there_is_none"}}
    document = {"name": unique("flow"), "version": 1, "dag": {"nodes": [count("a", queue), bad]}}
    assert client.post("/api/v1/workflows", json=document).status_code == 422
    assert catalogue.lane(queue) not in topics_of(system)
    document["dag"] = {"nodes": [count("a", queue)]}
    assert client.post("/api/v1/workflows", json=document).status_code == 201
    assert catalogue.lane(queue) in topics_of(system)


def topics_of(system: System) -> set[str]:
    """The topics of the broker."""

    async def ask() -> set[str]:
        async with TopicAdmin(system.endpoints.kafka_bootstrap) as admin:
            return await admin.names()

    return asyncio.run(ask())
