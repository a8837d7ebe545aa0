"""Appends records within a deadline."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable


class Appender(Protocol):
    """The log as a producer of records uses it."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, in order per partition; return when every one is acknowledged.

        Raises ``Unavailable`` when the broker does not answer; then the outcome of the append is unknown.
        """
        ...


class DeadlineAppender:
    """Raises ``Unavailable`` when the acknowledgement takes longer than ``timeout_s``.

    The records may still arrive then, so each must carry an id that identifies a repeat.
    """

    def __init__(self, log: Appender, timeout_s: float = 1.5) -> None:
        self._log = log
        self._timeout_s = timeout_s
        self._late: set[asyncio.Future[None]] = set()

    async def append(self, records: Sequence[OutRecord]) -> None:
        """See ``Appender``."""
        # Not cancelled when it is late: the log's client might be left in an inconsistent state.
        work = asyncio.ensure_future(self._log.append(records))
        self._late.add(work)
        work.add_done_callback(self._over)
        done, _ = await asyncio.wait({work}, timeout=self._timeout_s)
        if not done:
            raise Unavailable("kafka", f"no acknowledgement within {self._timeout_s:g} s")
        work.result()

    def _over(self, work: asyncio.Future[None]) -> None:
        self._late.discard(work)
        if not work.cancelled():
            work.exception()  # retrieved here, since the caller may have left
