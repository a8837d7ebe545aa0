"""Tasks aside: work that nothing waits for."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class AsideTasks:
    """Tasks that nobody waits for, at most ``most`` at once: the caller leaves out what is more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> tuple[asyncio.Task[None], ...]:
        """Those that are not done."""
        return tuple(self._tasks)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._tasks) >= self._most

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin work."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Break off what is not done."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
