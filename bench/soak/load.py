"""The load of a soak: runs at a steady rate, whatever the system does, and the time each took.

Nine of ten are three functions, appended to the log as the API appends them. The tenth has a call of a model, a map, a
decision, a timer and a tool that fails; it is submitted over HTTP and read again.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import aiohttp
import orjson

from bench.lines import BenchError
from bench.run_load import SUCCEEDED
from bench.stage import Stage
from bench.workflows import INPUTS, MIXED, PROMPT

#: One of so many runs is a mixed one.
MIXED_OF = 10
STEP_S = 0.2
RUNS = "/api/v1/workflows/runs"
_BODY = orjson.dumps({"workflow_name": MIXED["name"], "inputs": INPUTS})
#: Runs that are not over after so long are lost.
PATIENCE_S = 60.0
#: What is in flight at most: behind that, the load waits, and the rate is said not to hold.
MOST_IN_FLIGHT = 4_000


@dataclass
class Load:
    """What a load has seen. ``took`` has the second in which a run was submitted and the milliseconds until its end."""

    stage: Stage
    waiting: dict[str, float] = field(default_factory=dict)
    took: deque[tuple[float, float]] = field(default_factory=deque)
    sent: int = 0
    over_http: int = 0
    refused: int = 0
    behind_s: float = 0.0

    async def run(self, rate: float, seconds: float) -> None:
        """Submit ``rate`` runs a second for some time, then wait for all ends. Raises ``BenchError`` for lost ones."""
        reading = asyncio.create_task(self._read())
        try:
            await self._submit(rate, seconds)
            deadline = time.monotonic() + PATIENCE_S
            while self.waiting and not reading.done() and time.monotonic() < deadline:  # noqa: ASYNC110 - it is polled
                await asyncio.sleep(STEP_S)
        finally:
            reading.cancel()
            (outcome,) = await asyncio.gather(reading, return_exceptions=True)
        if isinstance(outcome, BenchError):
            raise outcome
        if self.waiting:
            raise BenchError(f"{len(self.waiting)} runs did not end within {PATIENCE_S:.0f} s")

    async def _submit(self, rate: float, seconds: float) -> None:
        headers = {"Authorization": f"Bearer {self.stage.system.api_key}", "Content-Type": "application/json"}
        began, owed = time.monotonic(), 0.0
        async with (
            aiohttp.ClientSession(self.stage.system.api_url, headers=headers) as http,
            asyncio.TaskGroup() as group,
        ):
            while (elapsed := time.monotonic() - began) < seconds:
                if len(self.waiting) > MOST_IN_FLIGHT:
                    self.behind_s += STEP_S
                else:
                    due = int(elapsed * rate - owed)
                    owed += due
                    mixed = int(owed) // MIXED_OF - int(owed - due) // MIXED_OF
                    await self._append(due - mixed)
                    for _ in range(mixed):
                        group.create_task(self._post(http))
                await asyncio.sleep(max(0.0, STEP_S - (time.monotonic() - began - elapsed)))

    async def _append(self, count: int) -> None:
        batch, now = self.stage.submitter.make(count), time.monotonic()
        self.waiting |= dict.fromkeys(batch, now)
        self.sent += count
        await self.stage.log.append(list(batch.values()))

    async def _post(self, http: aiohttp.ClientSession) -> None:
        """Submit one run by the API, and read it: what a client does."""
        began = time.monotonic()
        async with http.post(RUNS, data=_BODY) as answer:
            if answer.status != 202:
                self.refused += 1
                return
            run = orjson.loads(await answer.read())["id"]
        self.sent += 1
        self.over_http += 1
        self.waiting[run] = began
        async with http.get(f"{RUNS}/{run}") as answer:
            await answer.read()

    async def _read(self) -> None:
        # An end may be read before the API's answer names the run.
        early: dict[str, float] = {}
        while True:
            views, now = await self.stage.ends.poll(), time.monotonic()
            for view in views:
                if view.status == SUCCEEDED and view.run_id not in self.waiting:
                    early[view.run_id] = now
                elif view.status == SUCCEEDED:
                    self._end(view.run_id, now)
            for run in early.keys() & self.waiting.keys():
                self._end(run, early.pop(run))
            early = {run: at for run, at in early.items() if now - at < PATIENCE_S}

    def _end(self, run: str, now: float) -> None:
        began = self.waiting.pop(run)
        self.took.append((began, 1e3 * (now - began)))


def register(stage: Stage) -> None:
    """Register the mixed workflow and its prompt. Raises ``httpx.HTTPError``."""
    with stage.system.client() as client:
        prompt = {"name": PROMPT.name, "version": PROMPT.version, "template": PROMPT.template}
        client.post("/api/v1/prompts", json=prompt).raise_for_status()
        client.post("/api/v1/workflows", json=MIXED).raise_for_status()
