"""A provider that speaks chat completions and enforces a limit of requests and of tokens a minute.

Both are counted when a request comes, its output at ``max_tokens``; what it did not use is given back with the answer.
A *window* is full again at its end, whatever was left; a *bucket* refills all the time.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Style = Literal["window", "bucket"]
REQUESTS, TOKENS = 600, 100_000
#: The provider's minute passes ten times as fast as ours.
MINUTE_S = 6.0
BYTES_PER_TOKEN = 4


@dataclass
class Meter:
    """One limit a minute."""

    most: int
    style: Style
    left: float = 0.0
    at_s: float = 0.0

    def refill(self, now_s: float) -> None:
        """Let time pass."""
        if self.style == "bucket":
            self.left = min(self.most, self.left + (now_s - self.at_s) * self.most / MINUTE_S)
            self.at_s = now_s
        elif now_s - self.at_s >= MINUTE_S:
            self.left, self.at_s = self.most, now_s - (now_s - self.at_s) % MINUTE_S

    def reset_s(self, now_s: float) -> float:
        """Return the seconds until all of it is free again."""
        if self.style == "bucket":
            return (self.most - self.left) * MINUTE_S / self.most
        return self.at_s + MINUTE_S - now_s


@dataclass
class LimitedProvider:
    """The provider and what it has seen: ``asked`` by organisation, ``refused`` and ``used_tokens``.

    ``known`` is set when so many organisations have had an answer.
    """

    style: Style
    organisations: int
    asked: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    used_tokens: int = 0

    def __post_init__(self) -> None:
        # A window begins at some time that no caller knows.
        began_s = time.monotonic() - random.random() * MINUTE_S  # noqa: S311
        self.known = asyncio.Event()
        self._requests = Meter(REQUESTS, self.style, REQUESTS, began_s)
        self._tokens = Meter(TOKENS, self.style, TOKENS, began_s)

    def count(self) -> None:
        """Count from now on."""
        self.asked.clear()
        self.refused = self.used_tokens = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a chat completion, or refuse it."""
        body = await request.json()
        prompt = str(body["messages"][-1]["content"])
        given, most = len(prompt) // BYTES_PER_TOKEN, int(body.get("max_completion_tokens") or body["max_tokens"])
        now_s = time.monotonic()
        for meter in (self._requests, self._tokens):
            meter.refill(now_s)
        if self._requests.left < 1 or self._tokens.left < given + most:
            self.refused += 1
            return self._response({"error": {"message": "rate limit", "type": "tokens"}}, now_s, status=429)
        self._requests.left -= 1
        self._tokens.left -= given + most
        await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311
        used = random.randint(most // 4, most)  # noqa: S311
        self._tokens.left = min(TOKENS, self._tokens.left + most - used)
        self.asked[prompt.split(maxsplit=1)[0]] += 1
        self.used_tokens += given + used
        if len(self.asked) == self.organisations:
            self.known.set()
        usage = {"prompt_tokens": given, "completion_tokens": used, "total_tokens": given + used}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
        return self._response({"id": "c", "choices": [choice], "usage": usage}, time.monotonic())

    def _response(self, body: dict[str, Any], now_s: float, status: int = 200) -> web.Response:
        headers = {"retry-after-ms": str(int(1000 * self._requests.reset_s(now_s)))} if status == 429 else {}
        for name, meter in (("requests", self._requests), ("tokens", self._tokens)):
            headers[f"x-ratelimit-limit-{name}"] = str(meter.most)
            headers[f"x-ratelimit-remaining-{name}"] = str(max(0, int(meter.left)))
            headers[f"x-ratelimit-reset-{name}"] = f"{max(0, int(1000 * meter.reset_s(now_s)))}ms"
        return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def serving(provider: LimitedProvider) -> AsyncIterator[str]:
    """Yield the base URL of a provider that serves."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
