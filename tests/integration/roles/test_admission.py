"""Two organisations with limits and a pool that they share, while roles die and Redis is emptied: seen from the log."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from deploy.local.roles import ROOT
from deploy.local.system import ORG, System
from schemas.metrics import ADMISSION_RUNS
from tests.support.client import RUNS, define_workflow, submission, submit
from tests.support.crashes import CHECKPOINT_MS, SESSION_MS
from tests.support.polling import until
from tests.support.turns_seen import turns_seen

OTHER = "other"
POOL, MOST, MAX_OF_FLOW, MAX_OF_OTHER = 5, 4, 2, 3
RUNS_EACH = 60
PAUSE_MS = 100
LIMITS = "/api/v1/limits"
LAYOUT = {"orchestrator": ("orchestrator",), "admission": ("admission",), "history": ("history",)}
END_S = 60


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {
        "ADMISSION_POOL": str(POOL),
        "SESSION_TIMEOUT_MS": str(SESSION_MS),
        "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS),
    }
    with System(tmp_path_factory.mktemp("turns"), durable=False, layout=LAYOUT, env=env) as system:
        yield system


@pytest.fixture(scope="module")
def clients(system: System) -> Iterator[dict[str, httpx.Client]]:
    with system.client() as first:
        made = first.post("/api/v1/organisations", json={"id": OTHER, "name": "Other"})
        made.raise_for_status()
        key = made.json()["key"]["key"]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=system.api_url, headers=headers, timeout=10, trust_env=False) as second:
            yield {ORG: first, OTHER: second}


def ended(client: httpx.Client, flows: set[str]) -> dict[str, str]:
    """Return how the runs of some workflows have ended."""
    found = {}
    for status in ("succeeded", "failed", "canceled"):
        answer = client.get(RUNS, params={"status": status, "limit": 200})
        answer.raise_for_status()
        found |= {run["id"]: status for run in answer.json()["runs"] if run["workflow_name"] in flows}
    return found


@pytest.mark.timeout(180)
def test_limits_and_turns_hold_whoever_dies(system: System, clients: dict[str, httpx.Client]) -> None:
    pause = {"id": "pause", "type": "wait", "config": {"duration_ms": PAUSE_MS}}
    flows = {org: [define_workflow(client, pause) for _ in range(2)] for org, client in clients.items()}
    closed = define_workflow(clients[ORG], pause)
    few = {"max_running_runs": MOST, "workflows": {flows[ORG][0]: MAX_OF_FLOW, closed: 0}}
    assert clients[ORG].put(LIMITS, json=few).status_code == 200
    assert clients[OTHER].put(LIMITS, json={"max_running_runs": MAX_OF_OTHER}).status_code == 200
    held = submit(clients[ORG], submission(closed))
    for number, org in itertools.product(range(RUNS_EACH), clients):
        submit(clients[org], submission(flows[org][number % 2]))

    def done() -> int:
        return sum(len(ended(client, {*flows[org]})) for org, client in clients.items())

    def continues(more: int, what: str) -> None:
        wanted = min(done() + more, 2 * RUNS_EACH)  # a slow machine may have done them all
        until(lambda: done() >= wanted, END_S, what)

    def waits_for() -> str:
        waiting = clients[ORG].get(f"{RUNS}/{held}/waiting").json()["waiting"]
        return waiting["on"] if waiting["kind"] == "concurrency" else ""

    until(lambda: done() > 5, END_S, "runs end")
    until(lambda: waits_for() == f"workflow {closed}", END_S, "it says why it waits")
    system.roles["admission"].kill()
    system.roles["admission"].start()
    continues(1, "runs end after admission was killed")
    with Redis.from_url(system.endpoints.redis_url) as redis:
        redis.flushall()
    continues(5, "runs end after Redis was emptied")
    system.roles["orchestrator"].kill()
    system.roles["orchestrator"].start()
    until(lambda: done() == 2 * RUNS_EACH, END_S, "nobody is left in line")
    until(lambda: waits_for() == f"workflow {closed}", END_S, "who must wait still waits")
    assert clients[ORG].post(f"{RUNS}/{held}/cancel", json={}).status_code == 202
    until(lambda: ended(clients[ORG], {closed}) == {held: "canceled"}, END_S, "it leaves the line")

    statuses = {run: how for org, client in clients.items() for run, how in ended(client, {*flows[org]}).items()}
    assert set(statuses.values()) == {"succeeded"}
    log = turns_seen(system.endpoints.kafka_bootstrap)
    admitted = [run for run in log.admitted() if run in statuses]
    assert set(admitted) == statuses.keys()
    assert log.most() <= POOL
    assert log.most(ORG) <= MOST
    assert log.most(ORG, flows[ORG][0]) <= MAX_OF_FLOW
    assert log.most(OTHER) <= MAX_OF_OTHER
    assert log.most() == POOL, "the pool was used"
    first = [log.of[run][0] for run in admitted][: RUNS_EACH // 2]
    assert min(first.count(org) for org in clients) >= RUNS_EACH // 8, "both had turns from the beginning"
    until(lambda: counts(clients[ORG]) == counts(clients[OTHER]) == (0, 0), END_S, "every place is given back")
    page = httpx.get(f"http://127.0.0.1:{system.roles['admission'].ready['metrics_port']}/metrics", trust_env=False)
    assert f'{ADMISSION_RUNS}{{state="running"}} 0.0' in page.text
    assert f'{ADMISSION_RUNS}{{state="waiting"}} 0.0' in page.text
    assert "agentflow_admission_delay_seconds_count" in clients[ORG].get("/metrics").text


def counts(client: httpx.Client) -> tuple[int, int]:
    found = client.get(LIMITS).json()
    return found["running"], found["waiting"]


def tables(system: System, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.ops", *args, "--table", "admissions"]
    env = os.environ | system.role_env("tables")
    return subprocess.run(command, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def test_a_line_outlives_its_table_and_goes_when_limits_are_taken_away(
    system: System, clients: dict[str, httpx.Client]
) -> None:
    client = clients[ORG]
    pause = {"id": "pause", "type": "wait", "config": {"duration_ms": 10}}
    flow = define_workflow(client, pause)
    assert client.put(LIMITS, json={"workflows": {flow: 0}}).status_code == 200
    runs = [submit(client, submission(flow)) for _ in range(3)]
    until(lambda: counts(client)[1] == len(runs), END_S, "all stand in line")

    def why() -> set[tuple[str, str, str]]:
        found = [client.get(f"{RUNS}/{run}/waiting").json()["waiting"] for run in runs]
        return {(one["kind"], one["on"], one["detail"].partition("; ")[2].partition(" runs")[0]) for one in found}

    # Which of them is the first one is decided when they are admitted: their partitions are folded side by side.
    places = ("it is the first of its workflow", "at most 1", "at most 2")
    expected = {("concurrency", f"workflow {flow}", place) for place in places}
    until(lambda: why() == expected, END_S, "each knows its place in the queue")
    said = tables(system, "rebuild", "0")
    assert "admissions/0: its owner restores it now" in said.stdout
    assert tables(system, "rebuild", "1").returncode == 1, "there is one partition"
    log_path = system.roles["admission"].log_path
    until(lambda: " restored from " in log_path.read_text().rpartition("was lost")[2], END_S, "the table is restored")
    until(lambda: counts(client) == (0, len(runs)), END_S, "they stand in line as before")
    assert client.delete(LIMITS).status_code == 200
    until(lambda: len(ended(client, {flow})) == len(runs), END_S, "they have their turn")
