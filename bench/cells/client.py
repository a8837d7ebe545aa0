"""A client that submits runs while its organisation moves: it repeats what was refused, and goes where it is sent."""

import threading
import time
import uuid
from dataclasses import dataclass, field

import httpx

from bench.lines import BenchError

PAUSE_S = 0.1
READY_S = 60.0
RUNS = "/api/v1/workflows/runs"


@dataclass
class Submitter:
    """Submits from a thread of its own until it is stopped; each run under one key, until it is accepted.

    ``urls`` are the addresses of the cells. ``accepted`` are the ids of runs by their keys, ``answers`` how often each
    status came.
    """

    urls: tuple[str, str]
    key: str
    workflow: str
    accepted: dict[str, str] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    problem: str = ""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._flows = threading.Event()
        self._thread = threading.Thread(target=self._forever, daemon=True)

    def __enter__(self) -> "Submitter":
        self._thread.start()
        if not self._flows.wait(READY_S):
            raise BenchError(f"no run was accepted: {self.answers} {self.problem}")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _forever(self) -> None:
        at = self.urls[0]
        with httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, timeout=10, trust_env=False) as client:
            number = 0
            while not self._stop.is_set():
                number += 1
                at = self._until_accepted(client, at, f"{uuid.uuid4()}", f"text {number} of a client")
                time.sleep(PAUSE_S)

    def _until_accepted(self, client: httpx.Client, at: str, key: str, text: str) -> str:
        """Submit a run until it is accepted; return the address where it was."""
        body = {"workflow_name": self.workflow, "inputs": {"text": text}}
        while True:
            try:
                answer = client.post(f"{at}{RUNS}", json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError as exc:
                self.problem = type(exc).__name__
                time.sleep(PAUSE_S)
                continue
            self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
            if answer.status_code == 202:
                self._note(key, str(answer.json()["id"]))
                return at
            self.problem = answer.text[:300]
            if answer.status_code == 307:
                at = next(url for url in self.urls if answer.headers["location"].startswith(url))
            else:
                time.sleep(PAUSE_S)

    def _note(self, key: str, run_id: str) -> None:
        if self.accepted.setdefault(key, run_id) != run_id:
            self.twice.append(key)
        self._flows.set()
