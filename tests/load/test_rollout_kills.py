"""Rollouts of real runs while the deployments role, Redis and workers die at random, and how soon a rollback is there.

What is decided live must be what the log alone decides, byte for byte, and each run must have counted once.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from msgspec import to_builtins
from redis import Redis

from connectors.ports.engine import InRecord
from connectors.redis.keys import Slot
from deploy.local.system import System
from schemas.records.rollouts.deployments import DeploymentDecided, RunAssigned
from schemas.tables.deployments import DECIDED, EXPOSURE, HEAD, exposure_entity, rollout_entity
from streams.core.commands import Emit
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from tests.support.client import define_workflow, llm, submission, submit, unique, wait_for_run
from tests.support.crashes import CHECKPOINT_MS, HOLD_TTL_MS, LEASE_MS, SESSION_MS
from tests.support.polling import until
from tests.support.topics import read_decoded, read_topic
from topics.catalogue import DEPLOYMENT_DECISIONS, DEPLOYMENT_OUTCOMES, TABLE_DEPLOYMENTS, TRACE_SPANS
from topics.codec import decode, encode
from topics.partitioner import partition_for

ORG = "default"
END_S = 120
#: How many kills there are is the environment's, where it says so: `make prove AREA=rollouts` has 50.
GIVEN = os.environ.get("ROLLOUT_KILLS")
KILLS = [int(GIVEN)] if GIVEN else [18, pytest.param(50, marks=pytest.mark.exhaustive)]
IN_FLIGHT = 12
WORKERS = ("worker", "worker2")
LAYOUT = {
    "orchestrator": ("orchestrator",),
    **dict.fromkeys(WORKERS, ("worker",)),
    "budgets": ("budgets",),
    "sinks": ("history",),
    "deployments": ("deployments",),
    "rollouts": ("rollouts",),
}
#: Each step is decided by what was counted so far, with all the numbers; nothing is overdue, and nobody is promoted.
STEPS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65]
PLAN = {"steps": STEPS, "step_runs": 8, "step_ms": 0, "least_runs": 100_000, "outcome_ms": 3_600_000}
PLAN |= {"metrics": ["errors", "cost", "latency"]}
PLAN |= {"rules": {metric: {"alpha": 0.00001} for metric in ("errors", "cost", "latency")}}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {
        "SESSION_TIMEOUT_MS": str(SESSION_MS),
        "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS),
        "CLAIM_LEASE_MS": str(LEASE_MS),
        "HOLD_TTL_MS": str(HOLD_TTL_MS),
        "WORKER_DRAIN_S": "5",
    }
    with System(tmp_path_factory.mktemp("kills"), durable=False, layout=LAYOUT, env=env) as system:
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as client:
        yield client


def prompt_of(client: httpx.Client) -> str:
    name = unique("greet")
    for text in ("stable {{word}}", "canary {{word}}"):
        client.post("/api/v1/prompts", json={"name": name, "template": text}).raise_for_status()
    client.put(f"/api/v1/prompts/{name}/labels/production", json={"version": 1}).raise_for_status()
    return name


def deploy(client: httpx.Client, name: str, **plan: Any) -> str:
    body = {"version": 2, "environment": "production", "mode": "canary", **plan}
    started = client.post(f"/api/v1/prompts/{name}/deployments", json=body)
    assert started.status_code == 201, started.text
    return str(started.json()["id"])


class Load:
    """Keeps some runs in flight until told to stop, and has what became of all."""

    def __init__(self, system: System, flow: str, in_flight: int) -> None:
        self._system, self._flow, self._most = system, flow, in_flight
        self.ids: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        with self._system.client() as client:
            while not self._stop.is_set():
                # Without an id a submission whose answer is lost may be a run that nobody waits for.
                with suppress(httpx.HTTPError, AssertionError):
                    self.ids.append(submit(client, submission(self._flow, {"word": str(len(self.ids))})))
                time.sleep(1 / self._most)


def log_of(system: System, topic: str) -> list[InRecord]:
    return list(read_topic(system.endpoints.kafka_bootstrap, topic))


def recomputed(records: list[InRecord], rollout: str) -> tuple[list[bytes], MemoryState]:
    """Return the decisions over a rollout that a log leads to, by its records and their times alone."""
    fold, state, found = DeploymentsFold(), MemoryState(), []
    clocks: Counter[int] = Counter()
    for record in records:
        clocks[record.partition] = max(clocks[record.partition], record.timestamp_ms)
        event = decode(record.topic, record.value)
        if event.rollout != rollout:
            continue
        commands = fold.fold(state, event, clocks[record.partition], record.offset)
        emitted = [command.record for command in commands if isinstance(command, Emit)]
        found += [encode(one) for one in emitted if isinstance(one, DeploymentDecided)]
    return found, state


def decided_bytes(system: System, rollout: str) -> list[bytes]:
    """Return the decisions over a rollout as they were made live, without repeats that are equal."""
    found = [one.value or b"" for one in log_of(system, DEPLOYMENT_DECISIONS) if one.key == rollout.encode()]
    return list(dict.fromkeys(found))


def newest(system: System, rollout: str) -> DeploymentDecided | None:
    found = read_decoded(system.endpoints.kafka_bootstrap, DEPLOYMENT_DECISIONS)
    mine = [one for one in found if one.rollout == rollout]
    return mine[-1] if mine else None


def differences(one: list[bytes], other: list[bytes]) -> list[str]:
    """Return which fields of which decisions differ."""
    pairs = [
        tuple(to_builtins(decode(DEPLOYMENT_DECISIONS, value)) for value in pair)
        for pair in zip(one, other, strict=False)
    ]
    found = [
        f"{n}: {name} {a.get(name)} {b.get(name)}"
        for n, (a, b) in enumerate(pairs)
        for name in a.keys() | b.keys()
        if a.get(name) != b.get(name)
    ]
    return found if len(one) == len(other) else [*found, f"{len(one)} decisions and {len(other)}"]


def stored(system: System, rollout: str) -> dict[bytes, bytes]:
    """Return what the table in Redis has of a rollout, in its very bytes."""
    slot = Slot(TABLE_DEPLOYMENTS, partition_for(rollout.encode(), system.partitions))
    with Redis.from_url(system.endpoints.redis_url) as redis:
        found: dict[bytes, bytes] = redis.hgetall(slot.entity(rollout_entity(rollout)))
    return found


def kill(system: System, victim: str) -> None:
    if victim == "redis":
        system.stack.engine("redis").kill()
        system.stack.engine("redis").start()
        return
    system.roles[victim].kill()
    system.roles[victim].start()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", KILLS)
def test_kills_change_no_decision_and_each_run_counts_once(
    system: System, client: httpx.Client, record_property: Callable[[str, float], None], kills: int
) -> None:
    rng = random.Random(7)
    name = prompt_of(client)
    flow = define_workflow(client, llm("ask", f"{name}@production", model="local-echo"))
    deployment = deploy(client, name, **PLAN)
    rollout = f"{ORG}:{name}:production"
    until(lambda: newest(system, rollout), END_S, "the rollout began")
    killed: Counter[str] = Counter()
    with Load(system, flow, IN_FLIGHT) as load:
        for number in range(kills):
            time.sleep(rng.uniform(0.1, 1.0))
            victim = ("deployments", "redis", rng.choice(WORKERS))[number % 3]
            kill(system, victim)
            killed[victim] += 1
        until(lambda: (load.ids and newest(system, rollout).step > 0) or None, END_S, "a step was decided")
    runs = {id_: wait_for_run(client, id_, END_S) for id_ in load.ids}
    armed = {id_: run["rollouts"][0] for id_, run in runs.items() if run.get("rollouts")}

    def counted() -> bool | None:
        _, state = recomputed(log_of(system, DEPLOYMENT_OUTCOMES), rollout)
        head = state.get(rollout_entity(rollout), HEAD)
        return (head is not None and head.outcomes_at >= len(armed)) or None

    until(counted, END_S, "every run has an outcome")
    client.post(f"/api/v1/deployments/{deployment}/rollback").raise_for_status()
    until(lambda: newest(system, rollout).status == "rolled_back" or None, END_S, "it is rolled back")

    log = log_of(system, DEPLOYMENT_OUTCOMES)
    again, state = recomputed(log, rollout)
    live = decided_bytes(system, rollout)
    equal = sum(a == b for a, b in zip(live, again, strict=False)) if len(live) == len(again) else 0
    exposures = {id_: state.get(exposure_entity(rollout, id_), EXPOSURE) for id_ in armed}
    once = [one for one, found in exposures.items() if found is not None and list(found.numbers) == [armed[one]["arm"]]]
    head = state.get(rollout_entity(rollout), HEAD)
    assert head is not None
    # The log has the runs of other tests' rollouts, too.
    records = (decode(r.topic, r.value) for r in log)
    assigned = {one.run_id for one in records if isinstance(one, RunAssigned) and one.rollout == rollout}
    record_property("killed_decisions_equal", 100 * equal / max(len(live), len(again)))
    record_property("killed_runs_exposed_once", 100 * len(once) / len(armed))
    record_property("kills", sum(killed.values()))
    record_property("killed_decisions", len(live))
    record_property("killed_runs", len(armed))
    assert differences(live, again) == []
    assert live == again
    assert len(live) > 3, "several steps were decided meanwhile"
    assert len(once) == len(armed)
    assert head.next == len(assigned), "no run has two numbers"

    before = stored(system, rollout)
    system.roles["deployments"].kill()
    with Redis.from_url(system.endpoints.redis_url) as redis:
        redis.flushall()
    system.roles["deployments"].start()
    # Its entries come back by pages, so what is there first may be as of a checkpoint.
    with suppress(AssertionError):
        until(lambda: stored(system, rollout) == before or None, END_S, "the table is restored")
    restored = stored(system, rollout)
    same = restored == before and restored[DECIDED.encode()] == again[-1]
    record_property("recomputed_equal", 100 * same)
    assert restored == before
    assert restored[DECIDED.encode()] == again[-1]


def accepted(client: httpx.Client, flow: str) -> str:
    """Submit a run, again while connections of the API to a Redis that was killed are closed."""
    answers: list[httpx.Response] = []

    def is_taken() -> bool:
        answers.append(client.post("/api/v1/workflows/runs", json=submission(flow, {"word": "x"})))
        return answers[-1].status_code == 202

    until(is_taken, END_S, "a run is accepted")
    return str(answers[-1].json()["id"])


@pytest.mark.timeout(300)
def test_a_rollback_reaches_every_worker_at_once(
    system: System, client: httpx.Client, record_property: Callable[[str, float], None]
) -> None:
    name = prompt_of(client)
    nap = {"id": "nap", "type": "wait", "config": {"duration_ms": 10_000}}
    asks = llm("ask", f"{name}@production", model="local-echo", inputs={"word": "{{word}}"})
    flow = define_workflow(client, nap, asks, edges="nap>ask")
    deployment = deploy(client, name, **PLAN | {"steps": [0.9]})
    rollout = f"{ORG}:{name}:production"
    until(lambda: newest(system, rollout), END_S, "the rollout began")
    until(lambda: wait_for_run(client, accepted(client, flow))["rollouts"], END_S, "arms")
    ids = []
    for _ in range(80):
        ids.append(accepted(client, flow))
        time.sleep(0.2)
    # Some steps are requested before the decision reaches anybody, and some after it, were it late by seconds.
    client.post(f"/api/v1/deployments/{deployment}/rollback").raise_for_status()
    runs = [wait_for_run(client, id_, END_S, outputs=True) for id_ in ids]
    decided = newest(system, rollout)
    assert decided is not None
    assert decided.status == "rolled_back"
    started: dict[str, list[float]] = {"1": [], "2": []}
    for spans in read_decoded(system.endpoints.kafka_bootstrap, TRACE_SPANS):
        for span in spans.spans:
            found, _, version = str(span.attributes.get("agentflow.prompt.ref", "")).partition("@")
            if found == name and spans.run_id in ids:
                started[version].append(span.start_ns / 1e9 - decided.at_ms / 1000)
    record_property("rollback_reach_s", max(0.0, *started["2"]))
    assert max(started["1"]) > 0, "runs went on after the rollback"
    late = [run for run in runs if run["rollouts"][0]["arm"] == "canary"]
    assert any("stable" in run["by_id"]["ask"]["output"] for run in late), "canaries were replaced"
    assert max(0.0, *started["2"]) <= 5
