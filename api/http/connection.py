"""A connection that sends no whole request head in time is closed: an open one costs a file and memory."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request head arrive together; a slow network needs a second or two.
HEAD_TIMEOUT_S = 10.0


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with a time limit for each request's head, from the connection or its first byte on.

    Bodies have a limit of their own (``api.http.body_limit``), and idle connections uvicorn's keep-alive.
    """

    _serving = False
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that has begun must end in time."""
        super().data_received(data)
        if not self._serving:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """End the wait: the request is served."""
        self._forget_head()
        self._serving = True
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Take the next request; one that was sent with this one is served at once."""
        self._serving = bool(self.pipeline)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait with the connection."""
        self._forget_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(HEAD_TIMEOUT_S, self._too_late)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_late(self) -> None:
        self._head = None
        if not self.transport.is_closing():
            self.transport.close()
