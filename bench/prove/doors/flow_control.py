"""Lines of flow control and updates on a whole system: keys hold through kills, and how long an answer takes."""

import asyncio
import itertools
import json
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most, line_of
from connectors.kafka.log import KafkaLog
from deploy.local.engines.errors import EngineError
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.run_states import TERMINAL_RUN
from topics.catalogue import ADMISSIONS, RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
LAYOUT = {
    "orchestrator": ("orchestrator",),
    "admission": ("admission",),
    "history": ("history",),
    "worker": ("worker",),
}
CUSTOMERS, LIMIT, PAUSE_MS = ("ann", "bob", "cyd"), 2, 60
RUNS_EACH, UPDATES, WAITING, PLAIN, PAIRS = 40, 60, 200, 150, 4
END_S = 90
#: A session of a killed owner and a checkpoint are short, so that a kill takes seconds.
ENV = {"SESSION_TIMEOUT_MS": "6000", "CHECKPOINT_INTERVAL_MS": "500"}

AIMS = (
    Aim("flow_over_admissions", "runs", at_most(0), at_most(0)),
    Aim("flow_lost_runs", "runs", at_most(0), at_most(0)),
    Aim("flow_out_of_order", "runs", at_most(0), at_most(0)),
    Aim("flow_plain_ratio", "x", at_least(0.8), at_least(0.95)),
    Aim("update_p50", "ms", at_most(1_000), at_most(250)),
)


@dataclass(frozen=True)
class Held:
    """What the log says of one workflow's keys: runs too many at once, runs without an end, and out of order."""

    over: int
    lost: int
    out_of_order: int
    most: Mapping[str, int]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Return the lines; none in a quick run: the integration tests play the same. Raises ``BenchError``."""
    if quick:
        return []
    with tempfile.TemporaryDirectory(prefix="agentflow-flow-control-") as data_dir:
        try:
            with System(Path(data_dir), durable=False, layout=LAYOUT, env=ENV, progress=progress) as system:
                return _measured(system, progress)
        except EngineError as exc:
            raise BenchError(str(exc)) from exc


def _measured(system: System, progress: Progress) -> list[Line]:
    with system.client() as client:
        progress("doors: plain runs beside runs that wait for a key")
        ratio = plain_ratio(client)
        progress("doors: updates")
        took = update_latencies(client, UPDATES)
        progress("doors: keys through kills")
        found = play(system, client, RUNS_EACH)
    note = f"{len(CUSTOMERS)} keys of {LIMIT}, {RUNS_EACH} runs each; admission, Redis and orchestrator lost"
    return [
        line_of(AIMS, "flow_over_admissions", found.over, f"{note}; at most {max(found.most.values())} at once"),
        line_of(AIMS, "flow_lost_runs", found.lost, "that did not end"),
        line_of(AIMS, "flow_out_of_order", found.out_of_order, "admitted before one of its key that asked earlier"),
        line_of(AIMS, "flow_plain_ratio", ratio, f"runs/s without flow, while {WAITING} others wait / alone"),
        line_of(AIMS, "update_p50", took, f"{len(took)} updates one after the other, answered by a function"),
    ]


# Keys


def play(system: System, client: httpx.Client, runs_each: int) -> Held:
    """Submit runs of some keys, kill admission and orchestrator and empty Redis meanwhile; judge by the log."""
    flow = {"concurrency": [{"key": "inputs.customer", "limit": LIMIT}]}
    name = define(client, [_pause(PAUSE_MS)], flow=flow)
    runs = [
        submit(client, name, {"customer": customer}) for _, customer in itertools.product(range(runs_each), CUSTOMERS)
    ]
    _until(lambda: _done(client, name) > runs_each // 4, "runs end")
    system.roles["admission"].kill()
    system.roles["admission"].start()
    _until(lambda: _done(client, name) > runs_each, "runs end after admission was killed")
    with Redis.from_url(system.endpoints.redis_url) as redis:
        redis.flushall()
    system.roles["orchestrator"].kill()
    system.roles["orchestrator"].start()
    _until(lambda: _done(client, name) == len(runs), "all runs end")
    return judged(events(system, (RUN_EVENTS, ADMISSIONS)), name)


def judged(found: Iterable[tuple[int, Mapping[str, Any]]], workflow: str) -> Held:
    """Return what the records of both topics, each with its time, say of a workflow's keys."""
    key_of: dict[str, str] = {}
    asked: dict[str, list[str]] = defaultdict(list)
    admitted: dict[str, int] = {}
    released: dict[str, int] = {}
    for at_ms, event in found:
        kind, run = event.get("type"), str(event.get("run_id"))
        if event.get("workflow_name") != workflow:
            continue
        if kind == "admission.asked":
            key = event["flow"]["gates"][0]["key"]
            if key_of.setdefault(run, key) == key and run not in asked[key]:
                asked[key].append(run)
        elif kind == "run.admitted":
            admitted.setdefault(run, at_ms)
        elif kind == "admission.released":
            released.setdefault(run, at_ms)
    over, most = 0, Counter[str]()
    for run, at_ms in admitted.items():
        # What was released in a millisecond may have been taken again in it.
        beside = [
            one
            for one in asked[key_of[run]]
            if one in admitted and admitted[one] <= at_ms < released.get(one, at_ms + 1)
        ]
        most[key_of[run]] = max(most[key_of[run]], len(beside))
        over += len(beside) > LIMIT
    out_of_order = sum(
        _passed(earlier, later, admitted, sorted(released[one] for one in runs if one in released))
        for runs in asked.values()
        for earlier, later in itertools.pairwise(runs)
    )
    return Held(over, len(key_of.keys() - released.keys()), out_of_order, most)


def _passed(earlier: str, later: str, admitted: Mapping[str, int], released_ms: Sequence[int]) -> bool:
    """Return whether a run took a place that one before it waited for: it got its own by a later release.

    Places that are free together are given together. Their records go to several partitions, and again after a kill, so
    the times of these say nothing about the order.
    """
    if earlier not in admitted or later not in admitted:
        return False  # one that never had its turn is lost
    return any(admitted[later] < at_ms <= admitted[earlier] for at_ms in released_ms)


def events(system: System, topics: Sequence[str]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the records of topics with their times, each topic's partitions one after the other."""
    return asyncio.run(_events(system.endpoints.kafka_bootstrap, topics, system.partitions))


async def _events(bootstrap: str, topics: Sequence[str], partitions: int) -> list[tuple[int, Mapping[str, Any]]]:
    found: list[tuple[int, Mapping[str, Any]]] = []
    async with KafkaLog(bootstrap) as log:
        for topic in topics:
            for partition in range(1 if topic == ADMISSIONS else partitions):
                bounds = await log.bounds(topic, partition)
                async for records in log.read(topic, partition, bounds.first, bounds.end):
                    found += [(one.timestamp_ms, json.loads(one.value)) for one in records if one.value]
    return found


# Updates and plain runs


def update_latencies(client: httpx.Client, count: int) -> list[float]:
    """Return how many milliseconds each of so many updates of one run took to be answered."""
    ask = {"id": "ask", "type": "signal", "config": {"name": "ask", "answer": "reply.output"}}
    reply = {"id": "reply", "type": "function", "config": _MERGER | {"inputs": {"asked": "ask.output"}}}
    body = {"body": [ask, reply], "edges": [{"from": "ask", "to": "reply"}], "until": "false"}
    config = body | {"max_iterations": count + 1, "on_exhausted": "last"}
    name = define(client, [{"id": "talk", "type": "loop", "config": config}])
    run = submit(client, name, {})
    _until(lambda: client.get(f"{RUNS}/{run}").json().get("status") == "running", "the run begins")
    took = []
    for number in range(count + 1):
        began = time.monotonic()
        answer = client.post(f"{RUNS}/{run}/updates/ask", json={"n": number}, params={"timeout_ms": 20_000})
        took.append((time.monotonic() - began) * 1000)
        if answer.status_code != 200 or answer.json()["state"] != "answered":
            raise BenchError(f"update {number} was not answered: {answer.text[:300]}")
    return took[1:]


def plain_ratio(client: httpx.Client) -> list[float]:
    """Return runs/s of a workflow without flow control while others wait for a key, over that while nobody waits.

    Each pair of rounds is one after the other, in turns, so that a machine that is busy meanwhile shows in both.
    """
    plain = define(client, [_pause(1)])
    gated = define(client, [_pause(600_000)], flow={"concurrency": [{"limit": 1}]})
    _rate(client, plain)
    ratios = []
    for pair in range(PAIRS):
        found: dict[bool, float] = {}
        for waits in (False, True) if pair % 2 == 0 else (True, False):
            waiting = [submit(client, gated, {}) for _ in range(WAITING if waits else 0)]
            found[waits] = _rate(client, plain)
            for run in waiting:
                client.post(f"{RUNS}/{run}/cancel", json={})
            _until(lambda: _done(client, gated) % WAITING == 0, "the others are canceled")
        ratios.append(found[True] / found[False])
    return ratios


def _rate(client: httpx.Client, name: str) -> float:
    before, began = _done(client, name), time.monotonic()
    for _ in range(PLAIN):
        submit(client, name, {})
    _until(lambda: _done(client, name) >= before + PLAIN, "plain runs end")
    return PLAIN / (time.monotonic() - began)


_MERGER = {"function_name": "result_merger"}


def _pause(ms: int) -> dict[str, Any]:
    return {"id": "pause", "type": "wait", "config": {"duration_ms": ms}}


def define(client: httpx.Client, nodes: list[dict[str, Any]], **more: Any) -> str:
    """Register a workflow and return its name."""
    name = f"flow-{uuid.uuid4().hex[:12]}"
    edges = [{"from": a["id"], "to": b["id"]} for a, b in itertools.pairwise(nodes)]
    document = {"name": name, "version": 1, "allow_unknown_inputs": True, "dag": {"nodes": nodes, "edges": edges}}
    answer = client.post("/api/v1/workflows", json=document | more)
    if answer.status_code != 201:
        raise BenchError(f"the workflow was refused: {answer.text[:500]}")
    return name


def submit(client: httpx.Client, name: str, inputs: Mapping[str, Any]) -> str:
    """Submit a run and return its id."""
    answer = client.post(RUNS, json={"workflow_name": name, "inputs": inputs})
    if answer.status_code != 202:
        raise BenchError(f"a submission was refused: {answer.text[:500]}")
    return str(answer.json()["id"])


def _done(client: httpx.Client, name: str) -> int:
    """Return how many runs of a workflow have ended."""
    count, cursor = 0, ""
    while True:
        params: dict[str, str] = {"workflow": name, "limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = client.get(RUNS, params=params).json()
        count += sum(run["status"] in TERMINAL_RUN for run in page.get("runs", ()))
        cursor = page.get("next_cursor")
        if not cursor:
            return count


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + END_S
    while not holds():
        if time.monotonic() > until:
            raise BenchError(f"{what}: not within {END_S} s")
        time.sleep(0.05)
