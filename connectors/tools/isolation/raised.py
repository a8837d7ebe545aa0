"""What user code raises, as errors that end one attempt and nothing else.

Python lets any code raise what ends a process (``SystemExit``), a task (``CancelledError``) or an iteration
(``StopIteration``). Such a raise means nothing to the worker: it is the failure of the call that it came from.
"""

import asyncio
import traceback
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar
from pathlib import Path
from typing import Any

from connectors.tools.entries import Entry
from schemas.errors import StepError

#: Longest text of an exception in an error or a log line, in characters.
TEXT_LIMIT = 2_000
#: Frames of a traceback in one log line, the innermost ones.
MAX_FRAMES = 6
_FIX = "a call must not end its process, its task or an iteration; return a value or raise an error"

#: Frames up to the last of these files are ours: user code begins after them.
_MACHINERY = frozenset(
    str(Path(__file__).parent.joinpath(name).resolve())
    for name in ("raised.py", "../registry.py", "thread_pool.py", "async_calls.py", "process_child.py")
)

#: True in the context of a call of user code, and in the tasks that it starts.
IN_CALL: ContextVar[bool] = ContextVar("in_call", default=False)


class CallRaised(Exception):
    """A call raised what is no ordinary error; the message names it. ``frames`` are those of the user's code."""

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(message)
        self.frames = frames


def contain(exc: BaseException) -> Exception:
    """Return ``exc`` if it may pass through tasks and futures, else a ``CallRaised`` that names it."""
    if isinstance(exc, Exception) and not isinstance(exc, (StopIteration, StopAsyncIteration)):
        return exc
    return CallRaised(f"{described(exc)} ({_FIX})", user_frames(exc))


def described(exc: BaseException) -> str:
    """Return ``Type: text``. An exception whose text cannot be made does not raise here."""
    if isinstance(exc, CallRaised):
        return str(exc)
    name = type(exc).__name__
    try:
        text = str(exc)
    except BaseException as inner:  # noqa: BLE001 - the text is made by user code
        text = f"its text cannot be made ({type(inner).__name__})"
    return f"{name}: {text[:TEXT_LIMIT]}"


def user_frames(exc: BaseException) -> str:
    """Return ``file:line in function`` of the user's frames on one line, the innermost first."""
    if isinstance(exc, CallRaised):
        return exc.frames
    frames = traceback.extract_tb(exc.__traceback__)
    ours = max((n for n, frame in enumerate(frames) if frame.filename in _MACHINERY), default=-1)
    shown = frames[ours + 1 :][-MAX_FRAMES:]
    if not shown and exc.__cause__ is not None:
        # Python makes a RuntimeError of a coroutine's StopIteration.
        return user_frames(exc.__cause__)
    return ", from ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(shown))


def one_line(text: str) -> str:
    """Return a text with its line breaks and control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def contain_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let tasks that user code starts on this loop fail with ``CallRaised`` where they would end the loop.

    A task that raises ``SystemExit`` or ``KeyboardInterrupt`` ends the event loop, even if another task awaits it.
    """
    loop.set_task_factory(_task)


def _task(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    *,
    name: str | None = None,
    context: Context | None = None,
) -> asyncio.Task[Any]:
    inside = context.get(IN_CALL, False) if context is not None else IN_CALL.get()
    return asyncio.Task(_contained(coro) if inside else coro, loop=loop, name=name, context=context)


async def _contained(coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any]) -> Any:
    try:
        return await coro  # type: ignore[misc]
    except (SystemExit, KeyboardInterrupt) as exc:
        raise contain(exc) from None


def made_of(entry: Entry, config: dict[str, Any]) -> Any:
    """Return an instance of a class for a configuration. Raises a final ``StepError``."""
    try:
        return entry.make(**config)
    except StepError:
        raise
    except BaseException as exc:
        message = f"{entry.kind} {entry.name!r} cannot be made of its configuration: {described(exc)}"
        raise StepError("bad_config", message) from exc


def is_canceled() -> bool:
    """Return true if the worker canceled this attempt, rather than the call itself raising."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
