"""Takes the steps of an MCP answer inside of this process: requests to the app itself, with the caller's own key.

So each one is authenticated, limited, checked and audited as if the caller had sent it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import orjson
from starlette.types import ASGIApp

from connectors.http.clients import in_process_client
from schemas.mcp.protocol import Incoming, Message
from schemas.mcp.server import reply
from schemas.mcp.steps import Answered, Ask, Pause, Say
from schemas.version import VERSION

#: Headers of the caller that go with each request.
PASSED = ("authorization", "x-org-id", "traceparent", "tracestate")
#: A proxy closes a connection on which nothing is sent for long.
ALIVE_S = 10.0
_ALIVE = b": alive\n\n"


async def messages(app: ASGIApp, message: Incoming, headers: Mapping[str, str]) -> AsyncIterator[Message]:
    """Yield what is sent to the client, its answer last; nothing for a notification."""
    passed = {name: headers[name] for name in PASSED if name in headers}
    async with in_process_client(app, passed) as client:
        work, found = reply(message, VERSION), None
        while True:
            try:
                step = work.send(found)
            except StopIteration as end:
                if end.value is not None:
                    yield end.value
                return
            found = None
            match step:
                case Ask():
                    found = await _asked(client, step)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Say(said):
                    yield said


async def events(app: ASGIApp, message: Incoming, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Yield the same as server-sent events, with comments while nothing else is sent."""
    sent: asyncio.Queue[Message | None] = asyncio.Queue()

    async def work() -> None:
        try:
            async for one in messages(app, message, headers):
                sent.put_nowait(one)
        finally:
            sent.put_nowait(None)

    task = asyncio.create_task(work())
    try:
        while True:
            try:
                one = await asyncio.wait_for(sent.get(), ALIVE_S)
            except TimeoutError:
                yield _ALIVE
                continue
            if one is None:
                await task
                return
            yield b"event: message\ndata: " + orjson.dumps(one) + b"\n\n"
    finally:
        task.cancel()


async def _asked(client: httpx.AsyncClient, step: Ask) -> Answered:
    content = None if step.body is None else orjson.dumps(step.body)
    headers = dict(step.headers) | ({} if content is None else {"content-type": "application/json"})
    params = {name: str(value) for name, value in step.params.items()}
    found = await client.request(
        step.method, step.path, params=params or None, content=content, headers=headers, timeout=None
    )
    return Answered(found.status_code, _body(found))


def _body(found: httpx.Response) -> Any:
    try:
        return orjson.loads(found.content) if found.content else None
    except orjson.JSONDecodeError:
        return None
