"""A poll whose records say that more follows is handed over with what follows; any other one at once."""

from collections.abc import Sequence

import pytest

from connectors.ports.engine import InRecord
from schemas.payload import inline
from schemas.records.run_events import StepSucceeded
from streams.core.runs.requests.chained import goes_on
from streams.runtime.consumer.linger import drain_linger, joined
from streams.runtime.consumer.poll import Poll
from streams.runtime.routing import to_out

WAIT_S = 0.01


def record(offset: int, *, more: bool, partition: int = 0) -> InRecord:
    return InRecord("t", partition, offset, 0, b"k", b"more" if more else b"last")


def poll(*records: InRecord, tenure: int = 1) -> Poll:
    found: dict[tuple[str, int], list[InRecord]] = {}
    for one in records:
        found.setdefault((one.topic, one.partition), []).append(one)
    return Poll(found, tenure)


def linger_s(given: Poll) -> float:
    return WAIT_S if all(one.value == b"more" for records in given.records.values() for one in records) else 0.0


class Log:
    """Gives what it has, poll by poll, each after ``takes_s``."""

    def __init__(self, *polls: Poll, takes_s: float = 0.002) -> None:
        self.polls = list(polls)
        self.takes_s = takes_s
        self.now = 0.0
        self.asked: list[tuple[float, int]] = []

    async def fetch(self, seconds: float, room: int) -> Poll:
        self.asked.append((round(seconds, 6), room))
        if not self.polls:
            self.now += seconds
            return Poll({}, 1)
        self.now += min(seconds, self.takes_s)
        return self.polls.pop(0)

    async def rest_of(self, first: Poll, most: int = 100) -> Poll:
        return await drain_linger(first, most, linger_s, self.fetch, lambda: self.now)


def offsets(given: Poll) -> Sequence[int]:
    return [one.offset for records in given.records.values() for one in records]


async def test_a_poll_of_which_nothing_follows_is_handed_over_at_once() -> None:
    log = Log()
    first = poll(record(1, more=True), record(2, more=False))
    assert await log.rest_of(first) is first
    assert log.asked == []


async def test_what_follows_comes_with_it_until_the_last() -> None:
    log = Log(poll(record(2, more=True)), poll(record(3, more=False)), poll(record(4, more=False)))
    assert offsets(await log.rest_of(poll(record(1, more=True)))) == [1, 2, 3]
    assert log.asked == [(0.01, 99), (0.008, 98)]


async def test_another_run_s_record_ends_the_waiting() -> None:
    log = Log(poll(record(7, more=False, partition=1)))
    found = await log.rest_of(poll(record(1, more=True)))
    assert {p: [one.offset for one in read] for p, read in found.records.items()} == {("t", 0): [1], ("t", 1): [7]}


async def test_the_wait_is_one_for_all_and_then_over() -> None:
    log = Log(*(poll(record(n, more=True)) for n in range(2, 20)), takes_s=0.004)
    assert offsets(await log.rest_of(poll(record(1, more=True)))) == [1, 2, 3, 4]
    assert log.now == pytest.approx(WAIT_S)
    log = Log()
    assert offsets(await log.rest_of(poll(record(1, more=True)))) == [1]
    assert log.now == pytest.approx(WAIT_S)


async def test_a_poll_that_is_full_waits_for_nothing() -> None:
    log = Log(poll(record(2, more=True)))
    assert offsets(await log.rest_of(poll(record(1, more=True)), most=1)) == [1]


def test_two_polls_are_one_of_the_first_one_s_tenure() -> None:
    one = joined(poll(record(1, more=True), tenure=3), poll(record(2, more=True), record(5, more=True, partition=1)))
    assert (one.tenure, sorted(offsets(one))) == (3, [1, 2, 5])


def test_only_a_result_whose_worker_goes_on_says_so() -> None:
    for chain, said in (("continues", True), ("returned", False), (None, False)):
        result = StepSucceeded(
            run_id="r",
            org_id="o",
            step_id="a",
            attempt=1,
            output=inline(1),
            started_at_ms=1,
            finished_at_ms=2,
            chain=chain,
        )
        assert goes_on(to_out(result).value) is said
    assert not goes_on(None)
