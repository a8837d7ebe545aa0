"""A response of server-sent events that releases its resources as soon as it ends, for any reason."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.concurrency_limit import Bound

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back until its buffer is full
}


class EventStream(Response):
    """Sends the blocks of ``blocks()`` until it ends, ``over()`` returns or the client disconnects.

    ``bound`` counts it while it is open.

    Raises ``Overloaded`` before anything is sent.
    """

    def __init__(
        self,
        blocks: Callable[[], AsyncIterator[bytes]],
        bound: Bound,
        status_code: int = 200,
        *,
        over: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        super().__init__(status_code=status_code, headers=_HEADERS)
        del self.headers["content-length"]
        self._blocks = blocks
        self._bound = bound
        self._over = over or _never

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        with self._bound.place():
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_left(receive))
            ending = asyncio.create_task(self._over())
            try:
                await asyncio.wait({sending, leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = ending.done() and not sending.done() and not leaving.done()
                for task in (sending, leaving, ending):
                    task.cancel()
                done = await asyncio.gather(sending, leaving, ending, return_exceptions=True)
            if ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            if isinstance(done[0], Exception) and not isinstance(done[0], OSError):
                raise done[0]

    async def _send(self, send: Send) -> None:
        # Closed explicitly: a generator that is only dropped would keep its resources until garbage collection.
        async with aclosing(self._blocks()) as blocks:  # type: ignore[type-var]
            async for block in blocks:
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _never() -> None:
    await asyncio.Event().wait()
