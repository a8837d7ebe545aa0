"""Callers, each with one run at a time, until a budget refuses them so often that nothing can be left."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from bench.lines import BenchError
from connectors.http.clients import local_client
from schemas.run_states import TERMINAL_RUN

RUNS = "/api/v1/workflows/runs"
#: Refused so often in a row, a caller gives up.
PATIENCE = 3
ANSWERED_WITHIN_S = 150.0
_PAUSE_S = 0.15


class Callers:
    """Submits runs of ``workflows`` in turns. ``ended`` has how each run ended, ``codes`` why those failed that did."""

    def __init__(self, url: str, key: str, workflows: tuple[str, ...], callers: int) -> None:
        self._url, self._key, self._workflows, self._callers = url, key, workflows, callers
        self.ended: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    @property
    def at_work(self) -> bool:
        """Whether some are not done."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end. Raises what one of them raised."""
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as exc:  # noqa: BLE001 - it is raised in the thread that waits
            self.error = exc

    async def _all(self) -> None:
        async with (
            local_client(self._url, {"Authorization": f"Bearer {self._key}"}, timeout_s=10) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(self._callers):
                group.create_task(self._caller(http, number))

    async def _caller(self, http: httpx.AsyncClient, number: int) -> None:
        refused = count = 0
        while refused < PATIENCE:
            count += 1
            workflow = self._workflows[(number + count) % len(self._workflows)]
            body = {"workflow_name": workflow, "inputs": {"text": f"{number} {count}"}}
            headers = {"Idempotency-Key": f"game-{number}-{count}"}
            run = str((await self._answered(http, "POST", RUNS, json=body, headers=headers))["id"])
            shown = await self._end(http, run)
            self.ended[run] = str(shown["status"])
            if shown["status"] == "succeeded":
                refused = 0
                continue
            error = shown.get("error")
            self.codes[run] = str(error.get("code", "")) if isinstance(error, Mapping) else ""
            refused += self.codes[run] == "budget_exceeded"

    async def _end(self, http: httpx.AsyncClient, run: str) -> Mapping[str, object]:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                shown = await self._answered(http, "GET", f"{RUNS}/{run}")
                if shown["status"] in TERMINAL_RUN:
                    return shown
                await asyncio.sleep(_PAUSE_S)

    async def _answered(self, http: httpx.AsyncClient, method: str, path: str, **more: Any) -> dict[str, object]:
        """Repeat a request until it is answered. Raises ``BenchError`` for a refusal, ``TimeoutError``."""
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                with suppress(httpx.HTTPError):
                    answer = await http.request(method, path, **more)
                    if answer.is_success:
                        return dict(answer.json())
                    # A run that was accepted is not in history yet; the others are processes that were killed.
                    if answer.status_code not in (404, 429, 500, 502, 503, 504):
                        raise BenchError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
                await asyncio.sleep(_PAUSE_S)
