"""Reads each request's body before the app sees the request, within a limit of bytes and of time.

A body over the general limit is accepted only for a submission, a dataset or spans, from a key that may write, and only
for a limited number at once: each takes several times its size while it is read, checked and stored.
"""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Authenticator, bearer_key
from api.http.concurrency_limit import Bound
from api.http.otlp_errors import PATHS
from api.http.problems import answer, problem, too_large
from connectors.http.cell_client import BASE as CELLS_BASE
from schemas.errors import AgentFlowError, Unauthenticated

MAX_BODY_BYTES = 1024 * 1024
#: A slow sender occupies a slot that others wait for.
READ_TIMEOUT_S = 30.0
#: A submission's fields other than inputs: tags have 64 KiB at most.
BESIDE_INPUTS_BYTES = 128 * 1024
#: Together they take some hundred MiB at most, with the default limit of inputs.
MAX_LARGE_IN_FLIGHT = 8
_LARGE = re.compile(r"/api/v1/(?:workflows/runs(/[^/]+/fork)?|datasets)/?")
#: Batches of spans have messages of models in them. They are compressed by most senders.
MAX_OTLP_BYTES = 4 * 1024 * 1024
#: Parts of organisations that come from another cell: an object has 64 MiB at most.
CELLS = f"{CELLS_BASE}/arrivals/"
MAX_CELL_BYTES = 80 * 1024 * 1024


class LargeBodies:
    """Decides which callers may send more than ``MAX_BODY_BYTES``. ``most_inputs`` is the limit of a run's inputs in
    bytes. Other cells, which send ``cell_token``, may send parts of organisations.
    """

    def __init__(self, authenticator: Authenticator, most_inputs: int, cell_token: str = "") -> None:
        self._authenticator = authenticator
        self._cell_token = cell_token
        self._most = max(MAX_BODY_BYTES, most_inputs + BESIDE_INPUTS_BYTES)
        self.bound = Bound("large submissions", MAX_LARGE_IN_FLIGHT)

    def limit(self, scope: Scope) -> int:
        """Return the largest permitted body of a request, in bytes."""
        if scope["path"] in PATHS:
            return MAX_OTLP_BYTES
        if self._cell_token and scope["path"].startswith(CELLS):
            return MAX_CELL_BYTES
        return self._most if _LARGE.fullmatch(scope["path"]) else MAX_BODY_BYTES

    async def admit(self, scope: Scope, held: ExitStack) -> None:
        """Occupy a slot until ``held`` is closed.

        Raises ``Unauthenticated``, ``Forbidden``, ``Overloaded`` and ``Unavailable``.
        """
        key = bearer_key(Headers(scope=scope).get("authorization", ""))
        if key is None:
            raise Unauthenticated("send an API key: Authorization: Bearer <key>")
        if scope["path"].startswith(CELLS):
            if not hmac.compare_digest(self._cell_token.encode(), key.encode()):
                raise Unauthenticated("this is not the token of this cell")
        else:
            (await self._authenticator.authenticate(key)).require("write")
        held.enter_context(self.bound.place())


class BodyLimit:
    """Answers 413 to a body over the limit, whether announced by its length or sent in chunks, and 408 to a sender that
    takes longer than ``timeout_s``.
    """

    def __init__(self, app: ASGIApp, large: LargeBodies, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._app = app
        self._large = large
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        limit = self._large.limit(scope)
        if _announced(scope) > limit:
            await too_large(limit, scope["path"])(scope, receive, send)
            return
        with ExitStack() as held:
            try:
                async with asyncio.timeout(self._timeout_s):
                    body = await self._read(scope, receive, limit, held)
            except TimeoutError:
                late = problem(408, "request-timeout", "the body did not arrive in time", instance=scope["path"])
                await late(scope, receive, send)
                return
            except AgentFlowError as exc:
                await answer(exc, scope["path"])(scope, receive, send)
                return
            if body is None:
                await too_large(limit, scope["path"])(scope, receive, send)
                return
            await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive, limit: int, held: ExitStack) -> bytes | None:
        """Return the body, or ``None`` as soon as it is over the limit. Raises as ``LargeBodies.admit``."""
        parts: list[bytes] = []
        size = 0
        admitted = False
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                return None
            if size > MAX_BODY_BYTES and not admitted:
                await self._large.admit(scope, held)
                admitted = True
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
