"""What user code raises in the worker's own process: the error of its call, whatever it is, and nothing else."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.tools import Registry, ToolContext
from connectors.tools.isolation.async_calls import AsyncCalls
from connectors.tools.isolation.raised import CallRaised, contain_tasks, described, one_line, user_frames
from schemas.errors import StepError
from tests.support import bad_tools
from tests.support.worker import until

DEADLINE_S = 10.0


class _NoObjects:
    async def get(self, org_id: str, reference: Any) -> bytes:
        raise AssertionError


CONTEXT = ToolContext("acme", "run", "step", "run:step", Path("documents"), _NoObjects())


async def called(made_of: Any, *, blocking: bool = True, config: dict[str, Any] | None = None, **args: Any) -> Any:
    registry = Registry()
    registry.tool("bad", blocking=blocking)(made_of)
    async with asyncio.timeout(DEADLINE_S):
        return await registry.call("tool", "bad", args, CONTEXT, config)


@pytest.mark.parametrize("name", bad_tools.RAISED)
@pytest.mark.parametrize(
    ("made_of", "blocking"),
    [
        (bad_tools.raises, True),
        (bad_tools.raises, False),
        (bad_tools.raises_async, True),
        (bad_tools.raises_in_task, True),
    ],
)
async def test_whatever_is_raised_is_an_error_of_the_call(made_of: Any, blocking: bool, name: str) -> None:
    contain_tasks(asyncio.get_running_loop())
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what the test is about
        await called(made_of, blocking=blocking, name=name)
    assert described(caught.value).startswith((f"{name}: ", "RuntimeError: coroutine raised StopIteration"))
    assert "bad_tools.py" in user_frames(caught.value)
    assert "connectors/tools" not in user_frames(caught.value)


async def test_next_of_an_empty_generator_ends_its_call_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(CallRaised, match=r"^StopIteration: "):
        await called(bad_tools.next_of_nothing)
    assert time.monotonic() - started < 1


async def test_a_constructor_and_a_call_that_exit_are_errors() -> None:
    with pytest.raises(StepError, match="SystemExit: 5") as caught:
        await called(bad_tools.Configured, config={"unit": "exit"}, n=1)
    assert caught.value.code == "bad_config"
    with pytest.raises(CallRaised, match="SystemExit: 3"):
        await called(bad_tools.exits)


async def test_a_tool_that_cancels_its_task_cancels_nothing_else() -> None:
    with pytest.raises(CallRaised, match=r"^CancelledError: "):
        await called(bad_tools.cancels_itself)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@pytest.mark.parametrize("made_of", [bad_tools.sleeps, bad_tools.raises_in_task, bad_tools.ignores_cancel])
async def test_a_cancel_of_the_worker_goes_through(made_of: Any) -> None:
    async def wait() -> None:
        await asyncio.sleep(30)

    args = {} if made_of is bad_tools.raises_in_task else {"seconds": 1.5}
    task = asyncio.create_task(called(made_of if args else wait, **args))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_ignores_its_cancellation_is_abandoned_and_counted() -> None:
    calls = AsyncCalls(grace_s=0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await calls.run(bad_tools.ignores_cancel(seconds=0.6))
    assert calls.abandoned == 1
    await until(lambda: not calls.abandoned)


async def test_a_task_outside_of_calls_is_left_as_it_is() -> None:
    contain_tasks(asyncio.get_running_loop())

    async def cancels() -> None:
        raise asyncio.CancelledError

    task = asyncio.create_task(cancels())
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_texts_are_made_safe_for_one_line() -> None:
    assert one_line("a\nb\tc\x1b[31m\u2028é") == "a\\nb\\tc\\x1b[31m\\u2028é"
    assert described(bad_tools.Unspeakable()) == "Unspeakable: its text cannot be made (SystemExit)"
    assert len(described(ValueError("x" * 10_000))) < 2_100


def test_frames_are_the_users_innermost_first() -> None:
    try:
        bad_tools.next_of_nothing()
    except StopIteration as exc:
        first, *_ = user_frames(exc).split(", from ")
    assert first.endswith("in next_of_nothing")
    assert sys.exc_info() == (None, None, None)
