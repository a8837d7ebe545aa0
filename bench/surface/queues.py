"""Workers of a queue that are killed again and again: what is lost, and what is recorded twice.

Each run has two steps on the queue. The first one returns an ``answer`` that no other execution gives. The second one
gets it as its text, and returns it as its ``longest`` word: so it shows which outcome of the first step was recorded.
"""

import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from bench.lines import BenchError
from bench.results import ROOT
from deploy.local.engines.kafka import jar_folder
from deploy.local.engines.progress import Progress
from deploy.local.roles import RoleProcess
from deploy.local.system import LAYOUT, ORG, System
from schemas.records.run_events import StepSucceeded
from schemas.run_states import TERMINAL_RUN

EXAMPLES = ROOT / "examples"
RUNS = "/api/v1/workflows/runs"
DEADLINE_S = 240.0
LEASE_S = 3
ALONE = {name: tuple(role for role in roles if role != "leases") for name, roles in LAYOUT.items()}
#: The role of leases in a process of its own, so that it can be killed.
LEASES_ALONE = ALONE | {"leases": ("leases",)}

Kind = Literal["http", "java", "python"]
#: A page of runs has no more.
MAX_RUNS = 100
Reader = Callable[[str], Sequence[Any]]


@dataclass(frozen=True)
class Served:
    """What became of runs whose workers were killed. ``doubled`` counts steps of which two outcomes were recorded."""

    runs: int
    kills: int
    lost: int
    doubled: int


def java_there() -> bool:
    """Return whether a Java that compiles a source file is installed."""
    java = shutil.which("java")
    if java is None:
        return False
    listed = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False, timeout=60)
    return "jdk.compiler" in listed.stdout


class Workers:
    """Two workers of a queue, as processes that can be killed."""

    def __init__(self, system: System, kind: Kind, queue: str) -> None:
        self._system = system
        self._kind = kind
        self._queue = queue
        self._made = 0
        self.processes = [self._start(), self._start()]

    def replace(self, index: int) -> None:
        """Kill one, and start another in its place."""
        self.processes[index].kill()
        self.processes[index] = self._start()

    def stop(self) -> None:
        """Stop both."""
        for process in self.processes:
            process.stop(10)

    def _start(self) -> RoleProcess:
        self._made += 1
        argv, env = self._command()
        process = self._system.process(f"own-worker-{self._kind}-{self._made}", argv, env)
        process.start()
        return process

    def _command(self) -> tuple[list[str], Mapping[str, str]]:
        bootstrap, topic = self._system.endpoints.kafka_bootstrap, f"{ORG}.{self._queue}"
        if self._kind == "http":
            argv = ["-m", "agentflow.worker.command", "worker", str(EXAMPLES / "workers" / "app.py")]
            env = {"AGENTFLOW_URL": self._system.api_url, "AGENTFLOW_API_KEY": self._system.api_key}
            return [*argv, "--queue", self._queue, "--lease", str(LEASE_S), "--concurrency", "4"], env
        if self._kind == "java":
            source = str(EXAMPLES / "workers" / "java" / "CountWords.java")
            java = ["java", "-Xmx128m", "-cp", f"{jar_folder()}/*", source, bootstrap, topic]
            return ["-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *java], {}
        app = str(EXAMPLES / "workers" / "app.py")
        command = ["-m", "agentflow.worker.command", "worker", app, "--queue", self._queue, "--concurrency", "4"]
        return [*command, "--org", ORG, "--kafka", bootstrap], {}


def served(system: System, kind: Kind, runs: int, kills: int, read: Reader, progress: Progress) -> Served:
    """Submit runs, and kill workers while they serve them; of leases also their role. Raises ``BenchError``."""
    queue = f"{kind}-{time.time_ns() % 10**9}"
    with system.client() as client:
        flow = _register(client, queue)
        workers = Workers(system, kind, queue)
        try:
            ids = [_submit(client, flow, number) for number in range(runs)]
            for kill in range(kills):
                _until_done(client, flow, runs * (kill + 1) // (kills + 2))
                progress(f"{kind}: kill {kill + 1} of {kills}")
                workers.replace(kill % 2)
                if kind == "http" and kill % 2:
                    system.roles["leases"].kill()
                    system.roles["leases"].start()
            _until_done(client, flow, runs)
            answers = [_answers(client, run_id) for run_id in ids]
        finally:
            workers.stop()
    lost = sum(found is None for found in answers)
    chained = sum(found is not None and found[0] != found[1] for found in answers)
    twice = _recorded_twice(read, set(ids)) if kind == "http" else 0
    return Served(runs, kills, lost, max(chained, twice))


def _recorded_twice(read: Reader, runs: set[str]) -> int:
    """Return of how many attempts the log has two outcomes. A repeat of the same bytes is one."""
    found: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for record in read("run-events"):
        if isinstance(record, StepSucceeded) and record.run_id in runs:
            found[record.run_id, record.step_id, record.attempt].add(repr(record.output))
    return sum(len(outputs) > 1 for outputs in found.values())


def _register(client: httpx.Client, queue: str) -> str:
    def count(id_: str, text: str) -> dict[str, Any]:
        config = {"tool_name": "count_words", "tool_args": {"text": text}, "inputs": {}}
        return {"id": id_, "type": "tool", "queue": f"org/{queue}", "config": config}

    nodes = [count("first", "{{text}}"), count("second", "first.output.answer")]
    edges = [{"from": "first", "to": "second"}]
    body = {"name": f"served-{queue}", "version": 1, "dag": {"nodes": nodes, "edges": edges}}
    answer = client.post("/api/v1/workflows", json=body)
    if answer.status_code != 201:
        raise BenchError(f"the workflow was refused: {answer.text}")
    return str(body["name"])


def _submit(client: httpx.Client, flow: str, number: int) -> str:
    body = {"workflow_name": flow, "inputs": {"text": f"run number {number}"}}
    return str(client.post(RUNS, json=body).raise_for_status().json()["id"])


def _until_done(client: httpx.Client, flow: str, count: int) -> None:
    """Wait until so many runs have ended."""
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        ended = sum(_count(client, flow, status) for status in TERMINAL_RUN)
        if ended >= count:
            return
        time.sleep(0.1)
    raise BenchError(f"{count} runs have not ended within {DEADLINE_S:g} s")


def _count(client: httpx.Client, flow: str, status: str) -> int:
    params: dict[str, str | int] = {"workflow": flow, "status": status, "limit": MAX_RUNS}
    return len(client.get(RUNS, params=params).raise_for_status().json()["runs"])


def _answers(client: httpx.Client, run_id: str) -> tuple[str, str] | None:
    """Return the recorded answer of the first step, and the one that the second step was given."""
    found = client.get(f"{RUNS}/{run_id}", params={"step_outputs": True}).raise_for_status().json()
    if found["status"] != "succeeded":
        sys.stderr.write(f"{run_id}: {found['status']} {found.get('error')}\n")
        return None
    outputs = {step["id"]: step["output"] for step in found["steps"]}
    return outputs["first"]["answer"], outputs["second"]["longest"]
