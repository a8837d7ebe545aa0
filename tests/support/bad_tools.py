"""Tools and functions that do to their worker what they must not be able to do."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from connectors.tools import ToolContext
from schemas.errors import StepError, Unavailable


class Unspeakable(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise SystemExit(4)


#: One of each kind in BaseException's tree, by its name in errors.
RAISED: dict[str, Callable[[], BaseException]] = {
    "SystemExit": lambda: SystemExit(2),
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "BaseException": lambda: BaseException("bare"),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("group", [SystemExit(3), ValueError("x")]),
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
    "Exception": lambda: Exception("plain"),
    "ExceptionGroup": lambda: ExceptionGroup("group", [ValueError("x")]),
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
    "TimeoutError": lambda: TimeoutError("theirs"),
    "Unspeakable": Unspeakable,
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
}


def good(*, n: int = 1) -> dict[str, int]:
    return {"n": n, "pid": os.getpid()}


def raises(*, name: str) -> None:
    made = RAISED[name]()
    raise made


async def raises_async(*, name: str) -> None:
    await asyncio.sleep(0)
    made = RAISED[name]()
    raise made


async def raises_in_task(*, name: str) -> None:
    await asyncio.create_task(raises_async(name=name))


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(5)


async def ignores_cancel(*, seconds: float = 30.0) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    return "ended"


def next_of_nothing() -> str:
    empty: Iterator[str] = (text for text in ())
    return next(empty)


def exits(*, code: int = 3) -> None:
    sys.exit(code)


def exits_hard(*, code: int = 3) -> None:
    os._exit(code)


def kills_itself(*, sign: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), sign)
    time.sleep(5)


def crashes() -> None:
    ctypes.string_at(0)


def loops() -> None:
    while True:
        pass


def sleeps(*, seconds: float = 30.0) -> str:
    time.sleep(seconds)
    return "slept"


async def blocks(*, seconds: float = 30.0) -> str:
    time.sleep(seconds)  # noqa: ASYNC251 - that is the fault
    return "blocked"


def takes_memory(*, mb: int = 512) -> int:
    block = bytearray(mb << 20)
    return len(block)


def keyed(context: ToolContext, *, n: int = 0) -> dict[str, Any]:
    return {"key": context.idempotency_key, "run": context.run_id, "n": n}


def step_error(*, code: Any = "own_code", after_ms: Any = None) -> None:
    raise StepError(code, "as it says", retryable=True, retry_after_ms=after_ms, details={"a": "b"})


def unavailable() -> None:
    raise Unavailable("weather", "no answer", 2.0)


def not_json(*, what: str) -> Any:
    return {"set": {1}, "nan": [float("nan")], "big": 1 << 70, "surrogate": "\ud83d", "null": None}[what]


def prints(*, text: str) -> str:
    sys.stdout.write(text)
    sys.stdout.flush()
    return text


class Configured:
    def __init__(self, *, unit: str = "m") -> None:
        if unit == "exit":
            sys.exit(5)
        self.unit = unit
        self.calls = 0

    def __call__(self, *, n: int) -> str:
        self.calls += 1
        return f"{n} {self.unit} {self.calls}"
