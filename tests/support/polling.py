"""Waits for a condition, with a deadline instead of a guess."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

TICK_S = 0.05


def until(check: Callable[[], T | None], deadline_s: float, what: str, tick_s: float = TICK_S) -> T:
    """Return the first true answer of ``check``. Fails the test after ``deadline_s``, with the last answer."""
    end = time.monotonic() + deadline_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}; the last answer was {answer!r}")
        time.sleep(tick_s)


async def until_async(check: Callable[[], T | None], deadline_s: float, what: str, tick_s: float = TICK_S) -> T:
    """Do the same without stopping the event loop."""
    end = time.monotonic() + deadline_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}; the last answer was {answer!r}")
        await asyncio.sleep(tick_s)


async def in_less_than(seconds: float, act: Callable[[], Awaitable[T]]) -> T:
    """Return the answer of ``act``. Fails the test when it takes longer three times: a machine may stall once."""
    for _ in range(3):
        began = time.monotonic()
        answer = await act()
        took_s = time.monotonic() - began
        if took_s < seconds:
            return answer
    raise AssertionError(f"took {took_s:.1f} s, three times longer than {seconds:g} s")
