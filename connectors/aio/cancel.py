"""Cancels a task and waits for its end."""

import asyncio
from typing import Any

CANCEL_AGAIN_S = 0.5


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task until it has ended.

    More than once: a client may swallow a cancellation that coincides with the end of its own wait, or with the close
    of a lost connection, and whoever awaits the task would then wait for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
