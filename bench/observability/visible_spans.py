"""How soon a span can be read after its step has ended, and how fast a large trace is, on a whole system."""

import asyncio
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.lines import BenchError
from bench.observability.stored_spans import fill_large_run
from connectors.clickhouse.client import ClickHouse
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System

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
FIRST_PAGE = 200


def seconds_until_visible(runs: int, spans: int, pages: int, progress: Progress) -> tuple[list[float], list[float]]:
    """Return how long spans take to be visible, and first pages of a trace to be read.

    The first list has, for each of so many runs, the seconds from the end of its first step until its attempt's span
    is read. The second has the milliseconds of the answers of the API with the first page of a trace of ``spans``.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        System(Path(home), durable=False, progress=progress) as system,
        system.client() as client,
    ):
        client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
        visible = [_of_one(client) for _ in range(runs + 1)][1:]
        progress(f"the first page of a trace of {spans:,} spans, {pages} times")
        trace = asyncio.run(_stored(system, spans))
        return visible, [_page_ms(client, trace, spans) for _ in range(pages + 1)][1:]


async def _stored(system: System, spans: int) -> str:
    store = ClickHouse(system.endpoints.clickhouse_url, "agentflow")
    trace = await fill_large_run(store, spans, ORG)
    await store.close()
    return trace


def _page_ms(client: httpx.Client, trace: str, spans: int) -> float:
    began = time.perf_counter()
    answer = client.get(f"/api/v1/traces/{trace}", params={"limit": FIRST_PAGE}).raise_for_status()
    took = (time.perf_counter() - began) * 1_000
    found = answer.json()
    if len(found["events"]) != FIRST_PAGE or found["spans"] != spans:
        raise BenchError(f"a trace of {spans} spans is shown with {found['totals']['spans']}")
    return took


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
