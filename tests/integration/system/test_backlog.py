"""What waits, waits in the log: a worker that has no room does not read on."""

import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from connectors.providers.local.model import ECHO
from deploy.local.roles import RoleProcess
from deploy.local.system import PARTITIONS, System
from schemas.metrics import LAG_RECORDS
from tests.support.client import define_prompt, define_workflow, llm, merger, run, submission, submit
from tests.support.metrics import scrape, scrape_role
from tests.support.polling import until
from tests.support.topics import behind
from topics import catalogue

DEADLINE_S = 120.0
SILVER = catalogue.lane("silver")
WAITING = 5_000
CONCURRENCY = 2
LATENCY_MS = 250
#: Attempts that are worked off but whose result is not acknowledged yet.
READ_AHEAD = 4
#: Every request carries its template, so that 5,000 of them read ahead would be at least 40 MiB.
TEMPLATE_BYTES = 8_000
GROWTH_MIB = 40
#: Calls that end while the memory is watched, which take some 5 s.
CALLS_WATCHED = 40


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"WORKER_CONCURRENCY": str(CONCURRENCY), "LOCAL_LATENCY_MS": str(LATENCY_MS), "WORKER_DRAIN_S": "1"}
    with System(tmp_path_factory.mktemp("backlog"), durable=False, env=env) as started:
        yield started


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as http:
        yield http


def rss_mib(worker: RoleProcess) -> float:
    return float(psutil.Process(worker.pid).memory_info().rss) / 2**20


def calls(client: httpx.Client) -> float:
    return scrape(client).total("provider_requests_total", outcome="ok")


def words(count: int) -> str:
    return " ".join(f"{number:05d}" for number in range(count))


def test_waiting_requests_grow_the_lag_and_not_the_worker(system: System, client: httpx.Client) -> None:
    worker, kafka = system.roles["worker"], system.endpoints.kafka_bootstrap
    prompt = define_prompt(client, "Say {{item}}" + " and nothing else." * (TEMPLATE_BYTES // 18))
    split = merger("split", function_name="text_splitter", function_args={"chunk_size": 6})
    flow = define_workflow(
        client, split, llm("ask", prompt, parallel=True, max_parallel=WAITING, model=ECHO), edges="split>ask"
    )
    # The first calls load what a worker loads late.
    assert run(client, submission(flow, {"text": words(4 * PARTITIONS)}))["status"] == "succeeded"
    pid, before = worker.pid, rss_mib(worker)

    submit(client, submission(flow, {"text": words(WAITING)}))
    until(lambda: behind(kafka, "agentflow.worker", SILVER) > 0.9 * WAITING, DEADLINE_S, "the requests wait")

    def lag() -> float:
        return scrape_role(worker).total(LAG_RECORDS, role="worker", topic=SILVER)

    until(lambda: lag() > 0.9 * WAITING, DEADLINE_S, "the worker's metrics show the lag")

    # While they wait, calls go on, no faster than the worker's slots allow, and its memory stays what it was.
    started, called = time.monotonic(), calls(client)
    seen: list[float] = []

    def watched() -> bool:
        seen.append(rss_mib(worker))
        return calls(client) - called >= CALLS_WATCHED

    until(watched, DEADLINE_S, f"{CALLS_WATCHED} calls have ended")
    rate = (calls(client) - called) / (time.monotonic() - started)
    assert rate <= 1.5 * CONCURRENCY * 1000 / LATENCY_MS
    growth = max(seen) - before
    print(f"the worker grew by {growth:.1f} MiB while {lag():.0f} requests waited")  # noqa: T201
    assert growth < GROWTH_MIB
    assert behind(kafka, "agentflow.worker", SILVER) > 0.9 * WAITING
    assert scrape_role(worker).total("agentflow_worker_unacked_requests") <= CONCURRENCY + READ_AHEAD
    assert worker.pid == pid
