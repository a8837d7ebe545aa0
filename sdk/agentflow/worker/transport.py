"""Requests to the API, repeated with jitter while it does not answer. Every request of a worker is safe to repeat."""

import asyncio
import random
from typing import Any

import httpx

from agentflow.worker.errors import Unreachable, WorkerError, of_status

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class Transport:
    """Posts JSON. ``patience_s`` is how long a request is repeated before ``Unreachable`` is raised."""

    def __init__(self, client: httpx.AsyncClient, patience_s: float = 120.0) -> None:
        self._client = client
        self._patience_s = patience_s

    async def close(self) -> None:
        """Disconnect."""
        await self._client.aclose()

    async def post(self, path: str, body: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Return the answer. Raises ``WorkerError``."""
        loop = asyncio.get_running_loop()
        until, wait_s = loop.time() + self._patience_s, FIRST_WAIT_S
        while True:
            try:
                return await self._once(path, body, timeout_s)
            except Unreachable as exc:
                after_s = exc.retry_after_s if isinstance(exc, _Later) else 0.0
                pause_s = max(after_s, random.uniform(wait_s / 2, wait_s))  # noqa: S311 - it only spreads repeats
                if loop.time() + pause_s > until:
                    raise
            await asyncio.sleep(pause_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _once(self, path: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            answer = await self._client.post(path, json=body, timeout=timeout_s)
        except httpx.TransportError as exc:
            raise Unreachable(f"no answer from {self._client.base_url}: {type(exc).__name__}: {exc}") from exc
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        raise _error(answer)


class _Later(Unreachable):
    """The server says when to ask again."""

    def __init__(self, error: WorkerError, retry_after_s: float) -> None:
        super().__init__(str(error), error.status, error.problem)
        self.retry_after_s = retry_after_s


def _error(answer: httpx.Response) -> WorkerError:
    try:
        said = answer.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    fixes = [f"{p['path']}: {p['message']}; {p['fix']}" for p in said.get("problems", [])]
    message = " | ".join([said.get("detail") or f"HTTP {answer.status_code}", *fixes])
    error = of_status(answer.status_code, message, said.get("type", ""))
    after = answer.headers.get("retry-after", "")
    return _Later(error, float(after)) if isinstance(error, Unreachable) and after.isdigit() else error
