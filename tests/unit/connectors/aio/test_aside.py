"""Tasks aside: how many at once, and that closing ends them."""

import asyncio

from connectors.aio.aside import AsideTasks


async def test_there_is_room_until_most_are_running_and_again_when_one_is_done() -> None:
    tasks, may_end = AsideTasks(2), asyncio.Event()

    async def work() -> None:
        await may_end.wait()

    tasks.start(work(), "one")
    assert not tasks.full
    tasks.start(work(), "two")
    assert tasks.full
    running = tasks.running
    may_end.set()
    await asyncio.gather(*running)
    await asyncio.sleep(0)  # a task leaves in a callback of its own
    assert (tasks.full, tasks.running) == (False, ())


async def test_closing_breaks_off_what_is_not_done() -> None:
    tasks, ended = AsideTasks(1), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks.start(work(), "endless")
    await asyncio.sleep(0)
    await tasks.close()
    assert ended.is_set()
