"""Bodies are read whole before the app sees the request, up to a limit of bytes and of time."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem, too_large

MAX_BODY_BYTES = 1024 * 1024
#: A sender that takes longer for 1 MiB holds a place that others wait for.
READ_TIMEOUT_S = 30.0


class BodyLimit:
    """Answers 413 to a body over ``max_bytes``, whether its length is announced or it comes in chunks, and 408 to a
    sender that takes longer than ``timeout_s``."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        if _announced(scope) > self._max_bytes:
            await too_large(self._max_bytes, scope["path"])(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(receive)
        except TimeoutError:
            late = problem(408, "request-timeout", "the body did not come in time", instance=scope["path"])
            await late(scope, receive, send)
            return
        if body is None:
            await too_large(self._max_bytes, scope["path"])(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, or ``None`` as soon as it is over the limit."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    replayed = False

    async def again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
