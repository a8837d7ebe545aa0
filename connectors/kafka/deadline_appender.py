"""Appending records, and never for longer than a caller can wait."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable


class Appender(Protocol):
    """What a producer of records needs of the log."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, in order per partition; return when every one is acknowledged.

        Raises ``Unavailable`` when the broker does not answer; then it is not known what was appended.
        """
        ...


class DeadlineAppender:
    """Raises ``Unavailable`` when the acknowledgement takes longer than ``timeout_s``.

    What was handed to the log may still arrive then, so every record must carry an id that tells a repeat.
    """

    def __init__(self, log: Appender, timeout_s: float = 1.5) -> None:
        self._log = log
        self._timeout_s = timeout_s
        self._late: set[asyncio.Future[None]] = set()

    async def append(self, records: Sequence[OutRecord]) -> None:
        """See ``Appender``."""
        # Not cancelled when it is late: the log's client would be left in the middle of something.
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
            work.exception()  # read here, since the caller may have left
