"""How long an attempt may work."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from schemas.errors import StepError
from schemas.records.steps import StepRequest

_T = TypeVar("_T")

#: The longest that one answer of a model is waited for.
MODEL_TIMEOUT_S = 60.0
#: The longest that a tool or function may work when its node does not say.
CALL_TIMEOUT_S = 300.0


def timeout_s(request: StepRequest, most_s: float) -> float:
    """Return the attempt's time limit in seconds: its policy's ``timeout_ms``, at most ``most_s``."""
    return most_s if request.timeout_ms is None else min(request.timeout_ms / 1000, most_s)


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
            "timeout", f"{what} took longer than {seconds:g} s; raise the node's policy.timeout_ms", retryable=True
        ) from exc
