"""Runs async user code in a task of its own, so that whatever it does to its task stays there."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from connectors.tools.isolation.raised import IN_CALL, contain

#: How long a call that was canceled may take to end. One that continues is abandoned.
GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Raised:
    exc: Exception


class AsyncCalls:
    """The async calls of a process. ``abandoned`` counts those that ignored their cancellation and still run."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._left: set[asyncio.Task[Any]] = set()

    @property
    def abandoned(self) -> int:
        """How many canceled calls have not ended."""
        return len(self._left)

    async def run(self, call: Awaitable[Any]) -> Any:
        """Return the result of ``call``. Raises what it raises, as an ``Exception`` in any case.

        A ``CancelledError`` leaves here only when the caller itself was canceled.
        """
        task = asyncio.get_running_loop().create_task(_caught(call))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            await self._canceled(task)
            raise
        # A call may cancel the very task that it runs in, before that has begun to catch.
        found = _Raised(contain(asyncio.CancelledError())) if task.cancelled() else task.result()
        if isinstance(found, _Raised):
            raise found.exc
        return found

    async def _canceled(self, task: "asyncio.Task[Any]") -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=self._grace_s)
        if not task.done():
            self._left.add(task)
            task.add_done_callback(self._left.discard)


async def _caught(call: Awaitable[Any]) -> Any:
    IN_CALL.set(True)
    try:
        return await call
    except BaseException as exc:  # noqa: BLE001 - whatever ends the call is its outcome
        return _Raised(contain(exc))
