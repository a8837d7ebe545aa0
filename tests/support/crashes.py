"""A system to crash: each role a process of its own, the model a process that counts its calls."""

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.local.roles import RoleProcess
from deploy.local.system import System

LEASE_MS = 2_000
HOLD_TTL_MS = 12_000
SESSION_MS = 3_000
#: So often that there is one to restore from, and one under way when something dies.
CHECKPOINT_MS = 500

LAYOUT = {
    "orchestrator": ("orchestrator",),
    "worker": ("worker",),
    "budgets": ("budgets",),
    "sinks": ("history", "analytics", "live", "events"),
}

PROMPT = {"name": "crash_prompt", "version": 1, "template": "Say something short about {{.text}}"}
WORKFLOW = {
    "name": "three_steps",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "split",
                "type": "function",
                "config": {"function_name": "text_splitter", "function_args": {"chunk_size": 200}},
            },
            {
                "id": "ask",
                "type": "llm",
                "config": {"prompt_ref": "crash_prompt@1", "inputs": {"text": "split.output"}, "model": "local-echo"},
                "policy": {"retries": {"max_attempts": 5, "initial_ms": 100}},
            },
            {
                "id": "merge",
                "type": "function",
                "config": {
                    "function_name": "result_merger",
                    "function_args": {"strategy": "concat"},
                    "inputs": {"one": "split.output", "two": "ask.output"},
                },
            },
        ],
        "edges": [{"from": "split", "to": "ask"}, {"from": "ask", "to": "merge"}],
    },
}


def model_process(data_dir: Path, latency_ms: int, *, jitter_ms: int = 0, error_rate: float = 0.0) -> RoleProcess:
    """Return the local model as a process of its own, not yet started. It counts calls by idempotency key."""
    argv = ["-m", "connectors.providers.local.server", "--port", "0", "--latency-ms", str(latency_ms), "--echo"]
    argv += ["--jitter-ms", str(jitter_ms), "--error-rate", str(error_rate)]
    return RoleProcess("model", argv, {}, data_dir / "logs" / "model.log")


@contextmanager
def crash_system(
    data_dir: Path, *, latency_ms: int = 100, env: Mapping[str, str] | None = None, tls: bool = False
) -> Iterator[tuple[System, str]]:
    """Run the system with separate roles, told ``env`` too; yield it and the model's URL."""
    model = model_process(data_dir, latency_ms)
    try:
        model.start()
        url = f"http://127.0.0.1:{model.ready['port']}"
        told = {
            "LOCAL_PROVIDER_URL": url,
            "CLAIM_LEASE_MS": str(LEASE_MS),
            "HOLD_TTL_MS": str(HOLD_TTL_MS),
            "SESSION_TIMEOUT_MS": str(SESSION_MS),
            "WORKER_DRAIN_S": "5",
            "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS),
            **(env or {}),
        }
        with System(data_dir, durable=False, layout=LAYOUT, env=told, tls=tls) as system:
            with system.client() as client:
                client.post("/api/v1/prompts", json=PROMPT).raise_for_status()
                client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
            yield system, url
    finally:
        model.stop()


@dataclass
class Load:
    """Keeps ``in_flight`` runs under way until told to stop, in a thread of its own. ``name`` keeps its ids apart."""

    system: System
    in_flight: int
    name: str = "load"
    accepted: set[str] = field(default_factory=set)
    refused: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        number = 0
        open_: set[str] = set()
        with self.system.client() as client:
            while not self._stop.is_set():
                try:
                    while len(open_) < self.in_flight and not self._stop.is_set():
                        number += 1
                        open_.add(self._submit(client, number))
                    open_ &= self._unfinished(client)
                except (httpx.HTTPError, KeyError):
                    self.refused += 1
                time.sleep(0.1)

    def _submit(self, client: httpx.Client, number: int) -> str:
        body = {"workflow_name": "three_steps", "inputs": {"text": f"Text number {number}. It has two sentences."}}
        answer = client.post("/api/v1/workflows/runs", json=body, headers={"Idempotency-Key": f"{self.name}-{number}"})
        answer.raise_for_status()
        run: str = answer.json()["id"]
        self.accepted.add(run)
        return run

    def _unfinished(self, client: httpx.Client) -> set[str]:
        """Return the accepted runs that history does not show as ended."""
        ended: set[str] = set()
        for status in ("succeeded", "failed", "canceled"):
            answer = client.get("/api/v1/workflows/runs", params={"status": status, "limit": 200})
            answer.raise_for_status()
            ended |= {run["id"] for run in answer.json()["runs"]}
        return self.accepted - ended


def random_moments(seed: int, roles: list[str], times: int) -> list[tuple[float, str]]:
    """Return (pause before, role) for each kill, in a random order that the seed repeats."""
    chance = random.Random(seed)
    kills = roles * times
    chance.shuffle(kills)
    return [(chance.uniform(0.3, 1.5), role) for role in kills]
