"""The bounded pool that plain functions run in."""

import asyncio
import contextvars
import sys
import threading

import pytest

from connectors.tools.isolation.raised import CallRaised
from connectors.tools.isolation.thread_pool import Progress, Threads
from tests.support.worker import until

DEADLINE_S = 10.0
TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


async def test_results_errors_and_context_come_through() -> None:
    threads = Threads(2)
    TENANT.set("acme")
    assert await threads.run(lambda a: (a, TENANT.get()), a=1) == (1, "acme")
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)


async def test_no_more_run_at_once_than_allowed() -> None:
    threads, gate, full, lock = Threads(3), threading.Event(), threading.Event(), threading.Lock()
    running, most = 0, 0

    def work() -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                full.set()
        gate.wait(DEADLINE_S)
        with lock:
            running -= 1
        return threading.current_thread().name

    tasks = [asyncio.create_task(threads.run(work)) for _ in range(12)]
    async with asyncio.timeout(DEADLINE_S):
        assert await asyncio.to_thread(full.wait, DEADLINE_S)
        gate.set()
        names = await asyncio.gather(*tasks)
    assert most == 3
    assert len(set(names)) <= 3


async def test_threads_are_used_again() -> None:
    threads = Threads(8)
    names = {await threads.run(lambda: threading.current_thread().name) for _ in range(20)}
    # How soon a thread counts as idle again is the scheduler's business; a new one for each call would be 20.
    assert len(names) <= 8


async def test_a_call_given_up_before_its_turn_is_not_made() -> None:
    threads, gate, begun, made = Threads(1), threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        gate.wait(DEADLINE_S)

    first = asyncio.create_task(threads.run(hold))
    async with asyncio.timeout(DEADLINE_S):
        assert await asyncio.to_thread(begun.wait, DEADLINE_S)
        waiting = asyncio.create_task(threads.run(lambda: made.append("second")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        gate.set()
        await first
        await threads.run(lambda: made.append("third"))
    assert made == ["third"]


async def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    threads = Threads(1)
    assert await threads.run(lambda: threading.current_thread().daemon)


async def test_what_no_future_can_carry_is_raised_at_once() -> None:
    threads = Threads(1)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(CallRaised, match=r"^StopIteration: "):
            await threads.run(lambda: next(iter(())))
        with pytest.raises(CallRaised, match=r"^SystemExit: 2"):
            await threads.run(lambda: sys.exit(2))
        assert await threads.run(lambda: 1) == 1


async def hang(threads: Threads, gate: threading.Event, count: int) -> None:
    for _ in range(count):
        begun = threading.Event()

        def work(begun: threading.Event = begun) -> None:
            begun.set()
            gate.wait(DEADLINE_S)

        task = asyncio.create_task(threads.run(work))
        assert await asyncio.to_thread(begun.wait, DEADLINE_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_abandoned_thread_gives_its_place_back_up_to_the_bound() -> None:
    threads, gate = Threads(1, most_abandoned=2), threading.Event()
    await hang(threads, gate, 2)
    assert (threads.abandoned, threads.exhausted) == (2, True)
    async with asyncio.timeout(DEADLINE_S):
        assert await threads.run(lambda: "served") == "served"
        await hang(threads, gate, 1)
        assert threads.abandoned == 3
        progress = Progress()
        waiting = asyncio.create_task(threads.run(lambda: "late", progress))
        await asyncio.sleep(0.1)
        assert not waiting.done(), "beyond the bound no thread is replaced"
        assert not progress.started
        gate.set()
        assert await waiting == "late"
        await until(lambda: not threads.abandoned)
    assert not threads.exhausted
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("tool-")}
    assert await threads.run(lambda: threading.current_thread().name) in names


async def test_a_call_that_waits_takes_the_place_that_an_abandoned_one_gives_back() -> None:
    threads, gate, begun = Threads(1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(DEADLINE_S)

    first = asyncio.create_task(threads.run(work))
    assert await asyncio.to_thread(begun.wait, DEADLINE_S)
    waiting = asyncio.create_task(threads.run(lambda: "served"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    first.cancel()
    async with asyncio.timeout(DEADLINE_S):
        assert await waiting == "served"
    gate.set()
