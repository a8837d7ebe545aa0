"""Bad user code among good steps, on one worker with isolation by processes: each bad attempt ends with its code, and
nobody else notices. And what threads do not contain: it ends the worker, three times at most."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.http.clients import blocking_local_client
from connectors.kafka.log import KafkaLog
from connectors.tools.isolation.thread_pool import MAX_ABANDONED
from deploy.local.system import PARTITIONS, System
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from streams.process.exit_codes import Exit
from tests.support import bad_tools
from tests.support.client import define_workflow, submission, submit, unique, wait_for_run
from tests.support.metrics import scrape_role
from tests.support.polling import until
from tests.support.supervision import until_ended
from tests.support.topics import read_topic
from topics import catalogue
from topics.codec import decode

ROOT = Path(__file__).parents[2]
LIMIT_MS = 600
STALL_S = 2.0
DEADLINE_S = 60.0
#: How long a step of another organisation may wait for its start, 99 of 100 of them.
WAIT_S = 2.0
#: How each kind of bad call ends.
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("exits_hard", {"code": 3}, "process_died"),
    ("kills_itself", {}, "process_died"),
    ("crashes", {}, "process_died"),
    ("takes_memory", {"mb": 512}, "memory_exceeded"),
    ("loops", {}, "timeout"),
    ("sleeps", {}, "timeout"),
    ("isolated_blocks", {}, "timeout"),
    ("exits", {}, "exception"),
    ("next_of_nothing", {}, "exception"),
    *(("raises", {"name": name}, "exception") for name in bad_tools.RAISED),
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("user-code")
    info = folder / "package" / "bad_tools-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agentflow.tools]\nbad = tests.support.bad_tools_registered\n")
    env = {
        "PYTHONPATH": f"{folder / 'package'}:{ROOT}",
        "WORKER_ISOLATION": "process",
        "WORKER_CONCURRENCY": "20",
        "READY_STALL_S": str(STALL_S),
        "CLAIM_LEASE_MS": "1000",
        "SESSION_TIMEOUT_MS": "3000",
        "WORKER_DRAIN_S": "1",
    }
    with System(folder / "system", durable=False, env=env) as started:
        yield started


def node(name: str, args: dict[str, Any], **policy: Any) -> dict[str, Any]:
    kind = "tool" if name in ("blocks", "raises_in_task") else "function"
    config = {f"{kind}_name": f"bad.{name}", f"{kind}_args": args}
    once = {"retries": {"max_attempts": 1}}
    return {"id": "a", "type": kind, "config": config, "policy": once | {"timeout_ms": LIMIT_MS} | policy}


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as found:
        yield found


@pytest.fixture
def other(system: System, client: httpx.Client) -> Iterator[httpx.Client]:
    made = client.post("/api/v1/organisations", json={"id": unique("org").replace("_", "-")}).raise_for_status()
    headers = {"Authorization": f"Bearer {made.json()['key']['key']}"}
    with blocking_local_client(system.api_url, headers, timeout_s=20) as found:
        yield found


@pytest.mark.parametrize(
    ("good", "bad", "per_s"), [(240, 24, 50), pytest.param(2_000, 200, 50, marks=pytest.mark.exhaustive)]
)
def test_bad_user_code_ends_alone_and_nobody_waits_for_it(
    system: System,
    client: httpx.Client,
    other: httpx.Client,
    record_property: Callable[[str, float], None],
    good: int,
    bad: int,
    per_s: int,
) -> None:
    worker = system.roles["worker"]
    pid = worker.pid
    flow = define_workflow(other, node("good", {"n": 1}, timeout_ms=20_000))
    flows = [(define_workflow(client, node(name, args)), code) for name, args, code in BAD]
    assert wait_for_run(other, submit(other, submission(flow)))["status"] == "succeeded"
    expected: dict[str, str] = {}
    fine: list[str] = []
    share = good // bad
    chosen = itertools.cycle(flows)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        sent = []
        for n in range(good):
            time.sleep(max(0.0, began + n / per_s - time.monotonic()))
            sent.append(pool.submit(submit, other, submission(flow)))
            if n % share == 0:
                bad_flow, code = next(chosen)
                expected[submit(client, submission(bad_flow))] = code
        fine = [one.result() for one in sent]
    outcomes, waits = settled(system, set(fine) | expected.keys())
    late = sorted(waits[run] for run in fine)
    p99 = late[int(len(late) * 0.99)]
    record_property("bad_steps", len(expected))
    record_property("bad_steps_with_their_code", sum(outcomes[run] == code for run, code in expected.items()))
    record_property("good_steps", len(fine))
    record_property("good_steps_failed", sum(outcomes[run] != "ok" for run in fine))
    record_property("others_wait_p99_s", p99)
    assert {outcomes[run] for run in fine} == {"ok"}
    assert {run: outcomes[run] for run in expected} == expected
    assert p99 < WAIT_S
    assert worker.pid == pid, "the worker itself lives on"
    assert scrape_role(worker).values("agentflow_worker_abandoned_attempts") == [0.0]


def settled(system: System, runs: set[str]) -> tuple[dict[str, str], dict[str, float]]:
    """Return how the step of each run ended, and how long after its submission it began, in seconds."""
    outcomes: dict[str, str] = {}
    submitted: dict[str, int] = {}
    waits: dict[str, float] = {}

    async def read() -> bool:
        async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
            for partition in range(PARTITIONS):
                bounds = await log.bounds(catalogue.RUN_EVENTS, partition)
                async for records in log.read(catalogue.RUN_EVENTS, partition, bounds.first, bounds.end):
                    for record in records:
                        match event := decode(catalogue.RUN_EVENTS, record.value):
                            case RunSubmitted():
                                submitted[event.run_id] = record.timestamp_ms
                            case StepSucceeded() | StepFailed():
                                code = event.error.code if isinstance(event, StepFailed) else "ok"
                                outcomes.setdefault(event.run_id, code)
                                waits[event.run_id] = (event.started_at_ms - submitted[event.run_id]) / 1000
        return runs <= outcomes.keys()

    until(lambda: asyncio.run(read()), DEADLINE_S, "every step has an outcome", 0.5)
    return outcomes, waits


def test_what_kills_a_worker_three_times_is_set_aside(
    system: System, client: httpx.Client, other: httpx.Client
) -> None:
    flow = define_workflow(client, node("exits_hard", {"code": 9}, timeout_ms=20_000) | {"id": "deadly"})
    good = define_workflow(other, node("good", {"n": 1}, timeout_ms=20_000))
    system.roles["worker"].stop()
    worker = system.role("worker-threads", ["worker"], {"WORKER_ISOLATION": "thread"})
    run = submit(client, submission(flow))
    deaths = 0
    while True:
        # It may read its step before it says that it serves.
        worker.launch()
        until(lambda: worker.pid is None or _is_over(client, run), DEADLINE_S, "the worker dies, or the run ends")
        if worker.pid is not None:
            break
        deaths += 1
        assert worker.process is not None
        assert worker.process.returncode == 9
    try:
        assert deaths == 3
        found = wait_for_run(client, run)
        assert found["error"]["code"] == "poison"
        letters = read_topic(system.endpoints.kafka_bootstrap, catalogue.dlq(catalogue.lane("silver")))
        where = {
            f"{h['af-topic'].decode()}/{h['af-partition'].decode()}@{h['af-offset'].decode()}"
            for h in (dict(letter.headers) for letter in letters)
        }
        assert found["error"]["details"]["dead_letter"] in where
        assert wait_for_run(other, submit(other, submission(good)))["status"] == "succeeded"
    finally:
        worker.stop()
        system.roles["worker"].start()


@pytest.mark.exhaustive
def test_calls_that_never_end_replace_their_worker(system: System, client: httpx.Client) -> None:
    hung = node("sleeps", {"seconds": 60}, timeout_ms=200)
    hung["config"] |= {"parallel": True, "items": list(range(MAX_ABANDONED)), "on_child_error": "collect"}
    flow = define_workflow(client, hung)
    system.roles["worker"].stop()
    worker = system.role("worker-hung", ["worker"], {"WORKER_ISOLATION": "thread"})
    worker.start()
    try:
        run = submit(client, submission(flow))
        code, line = until_ended(worker, DEADLINE_S)
        assert code == Exit.OUT_OF_THREADS
        assert f"worker: {MAX_ABANDONED} calls that were given up never ended" in line
        assert wait_for_run(client, run)["status"] == "succeeded", "every child has its error collected"
    finally:
        worker.stop()
        system.roles["worker"].start()


def test_a_call_that_blocks_the_loop_ends_the_worker_with_a_reason(system: System, client: httpx.Client) -> None:
    flow = define_workflow(client, node("blocks", {"seconds": 30}, timeout_ms=60_000))
    worker = system.roles["worker"]
    run = submit(client, submission(flow))
    code, line = until_ended(worker, STALL_S + 15)
    assert code == Exit.LOOP_STUCK
    assert "a call has blocked the event loop for" in line
    assert "in blocks" in worker.log_tail()
    client.post(f"/api/v1/workflows/runs/{run}/cancel").raise_for_status()
    worker.start()
    assert wait_for_run(client, run)["status"] == "canceled"
    unacked = lambda: scrape_role(worker).values("agentflow_worker_unacked_requests")  # noqa: E731
    until(lambda: unacked() == [0.0], DEADLINE_S, "the request of a canceled run is skipped")


def test_a_task_that_exits_does_not_end_the_worker(system: System, client: httpx.Client) -> None:
    flow = define_workflow(client, node("raises_in_task", {"name": "SystemExit"}, timeout_ms=20_000))
    worker = system.roles["worker"]
    pid = worker.pid
    found = wait_for_run(client, submit(client, submission(flow)))
    assert (found["error"]["code"], "SystemExit: 2" in found["error"]["message"]) == ("exception", True)
    assert worker.pid == pid


def _is_over(client: httpx.Client, run: str) -> bool:
    return bool(client.get(f"/api/v1/workflows/runs/{run}").json()["status"] in ("succeeded", "failed", "canceled"))
