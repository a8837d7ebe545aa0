"""A local service with OpenAI's chat completions under two names, and the bill that it would send.

An answer has a random number of tokens up to ``max_tokens``, some are slow, some calls fail; with ``stream`` the answer
comes in pieces. The bill has one entry for each answer that was computed, also when nobody was left to hear it.
"""

import asyncio
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiohttp import web

from deploy.local.engines.ports import LOOPBACK

INPUT_NANO, OUTPUT_NANO = 2_000, 10_000
NAMES = ("openai", "compatible")
#: A call waits so long in seconds, and one in ``SLOW`` for longer, so that it is hedged.
WAIT_S, SLOW_S, SLOW, FAILS = (0.01, 0.06), 1.5, 0.06, 0.08
_PIECES = 4
_PROMPT_TOKENS = 8


class Service:
    """``bill`` has the amounts of answers in nano-dollars by step: a second route's key is the step's with a suffix."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeated by its seed
        self.bill: dict[str, list[int]] = defaultdict(list)
        self.kinds: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        for name in NAMES:
            app.router.add_post(f"/{name}/v1/chat/completions", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body, key = await request.json(), request.headers["Idempotency-Key"]
        step, _, again = key.partition("~")
        if again:
            self.kinds["hedged" if self._open[step] else "fallback"] += 1
        self._open[step] += 1
        try:
            return await self._made(request, body, step)
        finally:
            self._open[step] -= 1

    async def _made(self, request: web.Request, body: dict[str, Any], step: str) -> web.StreamResponse:
        fails, slow = self._chance.random() < FAILS, self._chance.random() < SLOW
        tokens = self._chance.randint(1, body.get("max_tokens") or body["max_completion_tokens"])
        await asyncio.sleep(SLOW_S if slow else self._chance.uniform(*WAIT_S))
        if fails:
            self.kinds["failed"] += 1
            return web.json_response({"error": {"message": "overloaded", "type": "server_error"}}, status=503)
        self.bill[step].append(_PROMPT_TOKENS * INPUT_NANO + tokens * OUTPUT_NANO)
        usage = {
            "prompt_tokens": _PROMPT_TOKENS,
            "completion_tokens": tokens,
            "total_tokens": _PROMPT_TOKENS + tokens,
        }
        if body.get("stream"):
            self.kinds["streamed"] += 1
            return await self._stream(request, body["model"], usage)
        self.kinds["whole"] += 1
        choice = {"index": 0, "message": {"role": "assistant", "content": "it is so"}, "finish_reason": "stop"}
        return web.json_response(_head(body["model"], "chat.completion") | {"choices": [choice], "usage": usage})

    async def _stream(self, request: web.Request, model: str, usage: dict[str, int]) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with suppress(ConnectionError):  # the caller may have died
            await self._pieces(request, answer, model, usage)
        return answer

    async def _pieces(
        self, request: web.Request, answer: web.StreamResponse, model: str, usage: dict[str, int]
    ) -> None:
        await answer.prepare(request)
        head = _head(model, "chat.completion.chunk")
        for n in range(_PIECES + 1):
            ended = n == _PIECES
            delta = {} if ended else {"content": f"piece {n} "}
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if ended else None}
            await _send(answer, head | {"choices": [choice], "usage": None})
            await asyncio.sleep(0.003)
        await _send(answer, head | {"choices": [], "usage": usage})
        await answer.write(b"data: [DONE]\n\n")


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """Serve in a thread of its own; yield the address."""
    loop = asyncio.new_event_loop()
    started: list[str] = []
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with _site(service) as url:
            started.append(url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise OSError("the local service of the game does not start")
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@asynccontextmanager
async def _site(service: Service) -> AsyncIterator[str]:
    runner = web.AppRunner(service.app(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-game", "object": kind, "created": 1_800_000_000, "model": model}


async def _send(answer: web.StreamResponse, piece: dict[str, Any]) -> None:
    await answer.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
