"""``kill -9`` of engines and roles under ``make run``: how soon it serves again, and whether runs were lost."""

import itertools
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.firsthour.make_run import PROCESSES, MakeRun
from deploy.local.engines.progress import Progress

RUNS = "/api/v1/workflows/runs"
#: The waiting for one recovery; the floor is far below.
RECOVERY_S = 90.0
#: All runs that were accepted must have ended this long after the last kill.
END_S = 120.0
POLL_S = 0.1
SUBMIT_EVERY_S = 0.25
SAMPLE_FAILED = "warning: the sample did not succeed"
#: One function: its run needs every role and Kafka, Redis and PostgreSQL.
WORKFLOW = {
    "name": "kill_probe",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "split",
                "type": "function",
                "config": {"function_name": "text_splitter", "function_args": {"chunk_size": 100}},
            }
        ],
        "edges": [],
    },
}


class NotRecovered(Exception):
    """The system did not serve again in time."""


@dataclass
class Kills:
    """What came of the kills. ``seconds`` are the recoveries, in order."""

    seconds: list[float] = field(default_factory=list)
    named: int = 0
    submitted: int = 0
    lost: list[str] = field(default_factory=list)


def victims(count: int, rng: random.Random) -> Iterator[str]:
    """Yield names at random, each once in every round, so that none dies five times within a minute."""
    rounds = (rng.sample(PROCESSES, len(PROCESSES)) for _ in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(rounds), count)


def kill_at_random(system: MakeRun, count: int, seed: int, progress: Progress) -> Kills:
    """Kill processes of a serving system one after the other, with runs submitted all the time.

    Raises ``NotRecovered``.
    """
    found = Kills()
    load = Load(system)
    load.start()
    try:
        for number, name in enumerate(victims(count, random.Random(seed)), 1):  # noqa: S311 - a plan, no secret
            found.seconds.append(_kill(system, name))
            progress(f"kill {number} of {count}: {name}, serves again after {found.seconds[-1]:.1f} s")
    finally:
        load.stop()
    found.submitted = len(load.accepted)
    found.lost = _not_succeeded(system, load.accepted)
    found.named = sum(
        f"{name} was killed by signal 9" in line for line in system.said.splitlines() for name in PROCESSES
    )
    if SAMPLE_FAILED in system.said:
        found.lost.append("the sample")
    return found


class Load:
    """Submits runs in a thread. What the API refused is asked again with the same key until it accepts."""

    def __init__(self, system: MakeRun) -> None:
        self.accepted: list[str] = []
        self._system = system
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._submit, daemon=True)

    def start(self) -> None:
        """Register the workflow and begin."""
        with self._system.client() as api:
            _until(lambda: _status(api, "POST", "/api/v1/workflows", WORKFLOW) in {200, 201}, "the workflow is taken")
        self._thread.start()

    def stop(self) -> None:
        """End the load; the run that is being submitted counts if it was accepted."""
        self._stopped.set()
        self._thread.join(RECOVERY_S)

    def _submit(self) -> None:
        with self._system.client() as api:
            while not self._stopped.is_set():
                run_id = submit(api, uuid.uuid4().hex, self._stopped.is_set)
                if run_id is not None:
                    self.accepted.append(run_id)
                self._stopped.wait(SUBMIT_EVERY_S)


def submit(api: httpx.Client, key: str, give_up: Callable[[], bool]) -> str | None:
    """Submit a probe until it is accepted; return its id, ``None`` when given up."""
    body = {"workflow_name": WORKFLOW["name"], "inputs": {"text": "one. two. three."}}
    while not give_up():
        try:
            answer = api.post(RUNS, json=body, headers={"Idempotency-Key": key})
            if answer.status_code == 202:
                return str(answer.json()["id"])
        except httpx.HTTPError:
            pass
        time.sleep(POLL_S)
    return None


def _kill(system: MakeRun, name: str) -> float:
    """Kill a process and wait until the system serves: it is back, the API is ready, and a new run succeeds."""
    _until(lambda: system.pid_of(name) is not None, f"{name} runs")
    pid = system.pid_of(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    _until(lambda: system.pid_of(name) not in (None, pid), f"{name} runs again")
    with system.client() as api:
        run_id = submit(api, uuid.uuid4().hex, lambda: time.monotonic() - began > RECOVERY_S)
        _until(lambda: _status_of(api, run_id or "") == "succeeded", f"a run succeeds after the kill of {name}")
        _until(lambda: _status(api, "GET", "/ready") == 200, f"the API is ready after the kill of {name}")
    return time.monotonic() - began


def _not_succeeded(system: MakeRun, run_ids: list[str]) -> list[str]:
    waiting, deadline = list(run_ids), time.monotonic() + END_S
    with system.client() as api:
        while waiting and time.monotonic() < deadline:
            waiting = [run_id for run_id in waiting if _status_of(api, run_id) != "succeeded"]
            time.sleep(POLL_S)
    return waiting


def _status_of(api: httpx.Client, run_id: str) -> str:
    try:
        answer: dict[str, Any] = api.get(f"{RUNS}/{run_id}").json()
    except (httpx.HTTPError, ValueError):
        return ""
    return str(answer.get("status"))


def _status(api: httpx.Client, method: str, path: str, body: object = None) -> int:
    try:
        return api.request(method, path, json=body).status_code
    except httpx.HTTPError:
        return 0


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + RECOVERY_S
    while not done():
        if time.monotonic() > deadline:
            raise NotRecovered(f"not within {RECOVERY_S:g} s: {what}")
        time.sleep(POLL_S)
