"""The time from a provider's first piece of an answer to a client that reads along."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from bench.doors.sends import RUNS, Doors
from bench.lines import BenchError

FLOW = "doors_tokens"
MODEL = "gpt-4o-mini"
WORDS = tuple(f"word{number} " for number in range(40))
PAUSE_S = 0.01
DEADLINE_S = 60.0


@dataclass
class SlowModel:
    """A service with OpenAI's API that streams words, and remembers when it began to."""

    first_at: float = 0.0
    streamed: int = 0
    url: str = ""
    _waits: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """Forget the last answer; the next one waits for ``go``."""
        self.first_at = 0.0
        self._waits.clear()

    def go(self) -> None:
        """Let the answer begin."""
        self._waits.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat completion."""
        asked = await request.json()
        await asyncio.wait_for(self._waits.wait(), DEADLINE_S)
        usage = {"prompt_tokens": 9, "completion_tokens": len(WORDS), "total_tokens": 9 + len(WORDS)}
        head = {"id": "c1", "created": 1, "model": MODEL}
        if not asked.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(WORDS)}}
            return web.json_response(head | {"object": "chat.completion", "choices": [choice], "usage": usage})
        self.streamed += 1
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        chunk = head | {"object": "chat.completion.chunk"}
        for word in WORDS:
            delta = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            self.first_at = self.first_at or time.monotonic()
            await stream.write(b"data: " + orjson.dumps(chunk | {"choices": [delta]}) + b"\n\n")
            await asyncio.sleep(PAUSE_S)
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        await stream.write(b"data: " + orjson.dumps(chunk | {"choices": [end]}) + b"\n\n")
        await stream.write(b"data: " + orjson.dumps(chunk | {"choices": [], "usage": usage}) + b"\n\n")
        await stream.write(b"data: [DONE]\n\n")
        return stream


@asynccontextmanager
async def serving(model: SlowModel, listening: socket.socket) -> AsyncIterator[None]:
    """Serve a model on a socket that listens."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


def flow() -> dict[str, Any]:
    """Return a workflow of one call."""
    config = {"prompt": "Say {{text}}", "provider": "openai", "model": MODEL}
    # A client reads along of a run that it has submitted, so it comes after the call has begun.
    node = {"id": "ask", "type": "llm", "config": config, "policy": {"stream": True}}
    return {"name": FLOW, "version": 1, "dag": {"nodes": [node], "edges": []}}


@dataclass
class Read:
    """What a client read of one run: when its first token came, all of them, and the whole answer."""

    first_at: float = 0.0
    text: str = ""
    output: str | None = None
    ended: bool = False


async def delay_ms(doors: Doors, model: SlowModel, number: int) -> tuple[float, Read]:
    """Return how long after the provider the client had its first token, and what it read."""
    model.reset()
    run = await _submitted(doors, number)
    found, opened = Read(), asyncio.Event()
    reading = asyncio.create_task(read(doors, run, found, opened))
    try:
        await asyncio.wait_for(opened.wait(), DEADLINE_S)
        # The mark of interest is at the worker within a moment; the call waits for the model.
        await asyncio.sleep(0.2)
        model.go()
        await asyncio.wait_for(reading, DEADLINE_S)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    if not found.first_at:
        raise BenchError("no token came")
    return (found.first_at - model.first_at) * 1000, found


async def read(doors: Doors, run: str, found: Read, opened: asyncio.Event) -> None:
    """Read a run's stream to its end."""
    async with doors.http.stream("GET", f"{RUNS}/{run}/events", params={"tokens": 1}) as answer:
        opened.set()
        name = ""
        async for line in answer.aiter_lines():
            field_, _, value = line.partition(": ")
            if field_ == "event":
                name = value
            elif field_ == "data" and name == "token":
                found.first_at = found.first_at or time.monotonic()
                found.text += orjson.loads(value)["text"]
            elif field_ == "data" and name == "output":
                found.output = orjson.loads(value)["output"]
            found.ended = found.ended or name == "end"


async def _submitted(doors: Doors, number: int) -> str:
    answer = await doors.http.post(RUNS, json={"workflow_name": FLOW, "inputs": {"text": f"n{number}"}})
    return str(answer.raise_for_status().json()["id"])
