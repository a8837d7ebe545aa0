"""How soon a span can be read after its step has ended, on a whole system."""

import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.lines import BenchError
from deploy.local.engines.progress import Progress
from deploy.local.system import System

WORKFLOW: dict[str, Any] = {
    "name": "visible_spans",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "split",
                "type": "function",
                "config": {"function_name": "text_splitter", "inputs": {"text": "a b"}},
            },
            # The run continues, so that what is seen is not what its end writes.
            {"id": "later", "type": "wait", "config": {"duration_ms": 30_000}},
        ],
        "edges": [{"from": "split", "to": "later"}],
    },
}
_DEADLINE_S = 20.0
_EVERY_S = 0.02


def seconds_until_visible(runs: int, progress: Progress) -> list[float]:
    """Return, for each of so many runs, the time from the end of its first step until its attempt's span is read."""
    with (
        tempfile.TemporaryDirectory() as home,
        System(Path(home), durable=False, progress=progress) as system,
        system.client() as client,
    ):
        client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
        return [_of_one(client) for _ in range(runs + 1)][1:]


def _of_one(client: httpx.Client) -> float:
    answer = client.post("/api/v1/workflows/runs", json={"workflow_name": WORKFLOW["name"]})
    answer.raise_for_status()
    run, until = answer.json()["id"], time.monotonic() + _DEADLINE_S
    while time.monotonic() < until:
        events = client.get(f"/api/v1/traces/{run}").json().get("events", ())
        ended = [one for one in events if one["type"] == "attempt" and not one["drawn"]]
        if ended:
            seen = time.time()
            end: float = datetime.fromisoformat(ended[0]["timestamp"]).timestamp() + ended[0]["duration"]
            return seen - end
        time.sleep(_EVERY_S)
    raise BenchError(f"no span of run {run} was there after {_DEADLINE_S:g} s")
