"""Appending records for many callers at once, and never for longer than they can wait."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from connectors.ports import OutRecord
from schemas.errors import Unavailable

#: About 1 MB of submissions: enough that a record's share of one request is small.
MAX_GROUP = 500


class Appender(Protocol):
    """What a producer of records needs of the log."""

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append all, in order per partition; return when every one is acknowledged.

        Raises ``Unavailable`` when the broker does not answer; then it is not known what was appended.
        """
        ...


class GroupingAppender:
    """Makes one append of all that wait while another is under way.

    A caller waits at most ``timeout_s`` and then gets ``Unavailable``. What was already handed to the log by then may
    still arrive, so every record must carry an id that tells a repeat.
    """

    def __init__(self, log: Appender, timeout_s: float = 2.0) -> None:
        self._log = log
        self._timeout_s = timeout_s
        self._waiting: list[tuple[Sequence[OutRecord], asyncio.Future[None]]] = []
        self._drain: asyncio.Task[None] | None = None
        self._late: set[asyncio.Future[None]] = set()

    async def append(self, records: Sequence[OutRecord]) -> None:
        """See ``Appender``."""
        if not records:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((records, done))
        if self._drain is None:
            self._drain = loop.create_task(self._work_off())
        try:
            async with asyncio.timeout(self._timeout_s):
                await done
        except TimeoutError:
            raise self._too_late() from None

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._append_group(self._take_group())
        finally:
            self._drain = None

    def _take_group(self) -> list[tuple[Sequence[OutRecord], asyncio.Future[None]]]:
        taken, weight = 0, 0
        for records, _ in self._waiting:
            if taken and weight + len(records) > MAX_GROUP:
                break
            taken, weight = taken + 1, weight + len(records)
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        # A caller that gave up meanwhile was told so: nothing of it is sent.
        return [(records, done) for records, done in group if not done.done()]

    async def _append_group(self, group: list[tuple[Sequence[OutRecord], asyncio.Future[None]]]) -> None:
        if not group:
            return
        # The append is not cancelled when it is late: its client would be left in the middle of something.
        records = [record for records, _ in group for record in records]
        work = asyncio.ensure_future(self._log.append(records))
        self._late.add(work)
        work.add_done_callback(self._forget)
        await asyncio.wait({work}, timeout=self._timeout_s)
        error = (work.exception() if not work.cancelled() else self._too_late()) if work.done() else self._too_late()
        for _, done in group:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def _forget(self, work: asyncio.Future[None]) -> None:
        self._late.discard(work)
        if not work.cancelled():
            work.exception()

    def _too_late(self) -> Unavailable:
        return Unavailable("kafka", f"no acknowledgement within {self._timeout_s:g} s")
