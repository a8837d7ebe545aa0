"""Outcomes of concurrent steps, appended together: while one append is under way, the next batch gathers.

The broker's acknowledgement is what takes long, so a batch costs hardly more than a record. Order of sends is kept.
"""

import asyncio
from collections.abc import Sequence

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock, Log, OutRecord


class Outbox:
    """Appends to the log in batches. One task runs while there is something to append."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._waiting: list[tuple[Sequence[OutRecord], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, records: Sequence[OutRecord]) -> None:
        """Append records; return when all are acknowledged. Waits while the broker is down.

        Raises what the log raises for these records, whatever becomes of others in the batch.
        """
        if not records:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="outbox")
        await done

    async def close(self) -> None:
        """Stop appending; what is not acknowledged is given up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for _, done in self._waiting:
            done.cancel()

    async def _run(self) -> None:
        while self._waiting:
            # Everything that becomes ready in this turn of the loop travels in one append.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            try:
                await self._append_batch(batch)
            except asyncio.CancelledError:
                for _, done in batch:
                    done.cancel()
                raise

    async def _append_batch(self, batch: list[tuple[Sequence[OutRecord], asyncio.Future[None]]]) -> None:
        try:
            await self._append([record for records, _ in batch for record in records])
        except Exception as exc:  # noqa: BLE001 - it goes to those who wait
            if len(batch) == 1:
                _fail(batch[0][1], exc)
                return
            # One of them cannot be appended; each by itself, the others can. Repeats carry ids.
            for entry in batch:
                await self._append_batch([entry])
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)

    async def _append(self, records: list[OutRecord]) -> None:
        await until_available(lambda: self._log.append(records), self._clock)


def _fail(done: "asyncio.Future[None]", exc: Exception) -> None:
    if not done.done():
        done.set_exception(exc)
