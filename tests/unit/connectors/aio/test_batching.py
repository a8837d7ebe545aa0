"""Batcher, sharing and timely appends."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from connectors.aio.batching import Batcher, SingleFlight
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable

RECORD = OutRecord("run-events", b"k", b"v")


class Work:
    """Doubles numbers, one group at a time, and tells the sizes of the groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.gate.wait()
        if self.error is not None and 0 in items:
            raise self.error
        return [item * 2 for item in items]


async def started(work: Work) -> None:
    async with asyncio.timeout(5):
        while not work.groups:  # noqa: ASYNC110 - one turn of the loop is enough
            await asyncio.sleep(0)


async def test_what_comes_meanwhile_makes_the_next_groups() -> None:
    work = Work()
    grouping = Batcher(work, 4)
    callers = [asyncio.create_task(grouping.do(n)) for n in range(10)]
    await started(work)
    late = asyncio.create_task(grouping.do(10))
    work.gate.set()
    assert await asyncio.gather(*callers, late) == [n * 2 for n in range(11)]
    assert all(len(group) <= 4 for group in work.groups)
    assert [n for group in work.groups for n in group] == list(range(11))
    assert await grouping.do(50) == 100


async def test_two_groups_at_once_and_nobody_is_left_waiting() -> None:
    work = Work()
    grouping = Batcher(work, 4, at_once=2)
    callers = [asyncio.create_task(grouping.do(0))]
    await started(work)
    for n in range(1, 12):
        callers.append(asyncio.create_task(grouping.do(n)))
        await asyncio.sleep(0)
    assert work.groups == [[0], [1]], "a third group has to wait"
    work.gate.set()
    assert await asyncio.gather(*callers) == [n * 2 for n in range(12)]
    assert sorted(n for group in work.groups for n in group) == list(range(12))
    assert all(len(group) <= 4 for group in work.groups)
    assert await grouping.do(50) == 100


async def test_a_caller_that_left_costs_nobody_anything() -> None:
    work = Work()
    grouping = Batcher(work, 1)
    first, second, third = (asyncio.create_task(grouping.do(n)) for n in range(3))
    await started(work)
    second.cancel()
    work.gate.set()
    assert await asyncio.gather(first, third) == [0, 4]
    assert work.groups == [[0], [2]]


async def test_try_later_reaches_all_who_wait_and_other_errors_only_their_group() -> None:
    for error, failed in ((Unavailable("kafka", "down"), 3), (ValueError("bad"), 1)):
        work = Work()
        work.error = error
        grouping = Batcher(work, 1)
        callers = [asyncio.create_task(grouping.do(n)) for n in range(3)]
        await started(work)
        work.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert [a is error for a in answers].count(True) == failed
        assert await grouping.do(7) == 14


async def test_one_flight_for_all_who_ask_at_once() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    asked = 0
    gate = asyncio.Event()

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await gate.wait()
        return asked

    callers = [asyncio.create_task(flights.do("a", ask)) for _ in range(5)]
    await asyncio.sleep(0)
    callers[0].cancel()
    gate.set()
    assert await asyncio.gather(*callers[1:]) == [1] * 4
    assert await flights.do("a", ask) == 2


async def test_an_acknowledgement_that_does_not_come_is_not_waited_for() -> None:
    class Stuck:
        gate = asyncio.Event()
        appended = 0

        async def append(self, records: Sequence[OutRecord]) -> None:
            await self.gate.wait()
            self.appended += len(records)

    log = Stuck()
    appender = DeadlineAppender(log, timeout_s=0.05)
    begun = time.perf_counter()
    with pytest.raises(Unavailable, match="no acknowledgement within"):
        await appender.append([RECORD])
    assert time.perf_counter() - begun < 1
    log.gate.set()
    await appender.append([RECORD])
    assert log.appended == 2
