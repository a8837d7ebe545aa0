"""Follows a run until its end, through lost connections."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from agentflow.client.aio.transport import AsyncTransport
from agentflow.client.events import EventReader, RunEvent
from agentflow.client.operations import OPERATIONS
from agentflow.client.reading import checked
from agentflow.client.request import Request
from agentflow.client.retries import may_repeat, uniform
from agentflow.errors import APIError, NoAnswer
from agentflow.models import RunAnswer

ENDED = frozenset({"succeeded", "failed", "canceled"})
_FIRST_POLL_S = 0.05
_LONGEST_POLL_S = 2.0


class AsyncStreamer(Protocol):
    """What following a run needs of a client."""

    transport: AsyncTransport

    def prepared(self, method: str, path: str, headers: dict[str, str]) -> Request:
        """Return a request to stream."""


class AsyncReader(Protocol):
    """Reads a run."""

    async def get(self, run_id: str, *, step_outputs: bool = False) -> RunAnswer:
        """Return it."""


async def watched(
    client: AsyncStreamer, run_id: str, last_event_id: str | None, *, tokens: bool = False
) -> AsyncIterator[RunEvent]:
    """Yield the events of a run, with ``tokens`` also those of models' answers.

    Raises ``APIError`` or ``NoAnswer`` when too many connections in a row gave none."""
    reader = EventReader(last_event_id or "")
    failed = 0
    while True:
        try:
            async for event in _connection(client, run_id, reader, tokens):
                failed = 0
                yield event
                if event.kind == "end":
                    return
            retry_after_s = None
        except (NoAnswer, APIError) as exc:
            failed += 1
            repeat = may_repeat(exc.status if isinstance(exc, APIError) else None, safe=True)
            if not repeat or failed > client.transport.retries.most:
                raise
            retry_after_s = exc.retry_after_s if isinstance(exc, APIError) else None
        reader.disconnected()
        await asyncio.sleep(client.transport.retries.pause_s(max(failed, 1), retry_after_s, uniform))


async def _connection(client: AsyncStreamer, run_id: str, reader: EventReader, tokens: bool) -> AsyncIterator[RunEvent]:
    operation = OPERATIONS["workflows.watch"]
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": reader.last_id} if reader.last_id else {})
    request = client.prepared(operation.method, operation.at(run_id), headers)
    if tokens:
        request = replace(request, params={"tokens": "true"})
    async with client.transport.stream(request) as (response, lines):
        checked(response)
        async for line in lines:
            event = reader.take(line)
            if event is not None:
                yield event


async def ended(reader: AsyncReader, run_id: str, time_limit: float | None, step_outputs: bool) -> RunAnswer | None:
    """Return a run when it has ended; ``None`` when that took over ``time_limit`` seconds."""
    deadline = None if time_limit is None else time.monotonic() + time_limit
    pause_s = _FIRST_POLL_S
    while True:
        run = await reader.get(run_id, step_outputs=step_outputs)
        if run.status in ENDED:
            return run
        left_s = _LONGEST_POLL_S if deadline is None else deadline - time.monotonic()
        if left_s <= 0:
            return None
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)
