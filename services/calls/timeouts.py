"""How long a call may take, and how long it may wait before it is made."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.ports.engine import Clock
from schemas.errors import StepError, TryLater

_T = TypeVar("_T")

#: The longest that one answer of a model is waited for.
MODEL_TIMEOUT_S = 60.0
#: A longer wait goes back to the caller, so that it keeps no slot of the process.
PATIENCE_S = 2.0
_SHORTEST_WAIT_S = 0.05


class Deferred(Exception):
    """Nothing was done, and the work must wait for longer than ``PATIENCE_S``: ask again after ``wait_s`` seconds."""

    def __init__(self, wait_s: float, reason: str) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.reason = reason


async def limited(work: Awaitable[_T], seconds: float, what: str) -> _T:
    """Return the result of ``work``. Raises a retryable ``StepError`` with code ``timeout`` after ``seconds``."""
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await work
    except TimeoutError as exc:
        if not scope.expired():
            raise
        raise StepError(
            "timeout", f"{what} took longer than {seconds:g} s; allow more time (policy.timeout_ms)", retryable=True
        ) from exc


async def within_patience(ask: Callable[[], Awaitable[_T]], clock: Clock, why: Callable[[TryLater], str]) -> _T:
    """Return the result of ``ask``, repeated while it raises ``TryLater`` and ``PATIENCE_S`` allow.

    Raises ``Deferred`` with the reason ``why`` when the wait would be longer.
    """
    deadline_ms = clock.now_ms() + PATIENCE_S * 1000
    while True:
        try:
            return await ask()
        except TryLater as exc:
            wait_s = max(exc.retry_after_s, _SHORTEST_WAIT_S)
            if clock.now_ms() + wait_s * 1000 > deadline_ms:
                raise Deferred(max(wait_s, PATIENCE_S), why(exc)) from exc
        await clock.sleep(wait_s)
