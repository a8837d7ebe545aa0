"""One connection: commands go out together at the end of a loop's turn, replies come in their order."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis._parsers.base import BaseParser

from connectors.redis.pipelined.failures import ReplyLostError

Waiter = asyncio.Future[Any] | None
"""Gets a reply; ``None`` for a reply that nobody wants."""

_NOTHING = object()
#: A second look before a silent server is given up: replies may be there that a loop which stood still has not read.
_SECOND_LOOK_S = 0.05


class Connection(asyncio.Protocol):
    """Commands in flight. It is ``lost`` at its end, and then every reply that is missing is a ``ReplyLostError``.

    A server that answers nothing for ``answer_s`` while replies are due is given up. A caller that is canceled leaves
    its place in the order: its reply is read and dropped.
    """

    def __init__(self, answer_s: float, lost: Callable[[], None]) -> None:
        self._answer_s = answer_s
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=BaseParser.parse_error, notEnoughData=_NOTHING)
        self._due: deque[Waiter] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._since_s = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._why: BaseException | str = "it was closed"

    def send(self, packed: bytes, *waiters: Waiter) -> None:
        """Send commands, with a waiter for the reply of each."""
        if not self._out:
            self._loop.call_soon(self._flush)
        if not self._due:
            self._since_s = self._loop.time()
            if self._watch is None:
                self._watch = self._loop.call_later(self._answer_s, self._look, False)
        self._out.append(packed)
        self._due.extend(waiters)

    def close(self) -> None:
        """Close it at once; what is in flight is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one, too, and no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._since_s = self._loop.time()
        reader, due = self._reader, self._due
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOTHING:
                waiter = due.popleft()
                if waiter is None or waiter.done():
                    continue
                if isinstance(reply, Exception):
                    waiter.set_exception(reply)
                else:
                    waiter.set_result(reply)
        except (hiredis.HiredisError, IndexError) as exc:
            # Bytes that are no reply, or one that nobody asked for: the order is lost, and with it all that follows.
            self._give_up(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        why = exc or self._why
        self._lost()
        for waiter in self._due:
            if waiter is not None and not waiter.done():
                waiter.set_exception(ReplyLostError(f"the connection broke before the reply came: {why}"))
        self._due.clear()
        self._out.clear()

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            out = self._out
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()

    def _look(self, again: bool) -> None:
        self._watch = None
        if not self._due:
            return
        left_s = self._since_s + self._answer_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look, False)
        elif not again:
            self._watch = self._loop.call_later(_SECOND_LOOK_S, self._look, True)
        else:
            self._give_up(f"no reply within {self._answer_s:g} s")

    def _give_up(self, why: BaseException | str) -> None:
        self._why = why
        self.close()
