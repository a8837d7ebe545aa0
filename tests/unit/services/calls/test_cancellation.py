"""Breaking off work whose run, or whatever else asked for it, has ended."""

import asyncio

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import StepError
from services.calls.cancellation import REMEMBER_MS, Cancellations


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def aborts(clock: ManualClock) -> Cancellations:
    return Cancellations(clock)


async def begun(aborts: Cancellations, key: str | None) -> bool:
    """Return whether work with this key is begun."""
    try:
        async with aborts.breakable(key):
            return True
    except StepError:
        return False


async def test_work_in_flight_is_broken_off_with_an_unknown_outcome(aborts: Cancellations) -> None:
    async def work(key: str) -> None:
        async with aborts.breakable(key):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(work(key)) for key in ("a", "a", "b")]
    await asyncio.sleep(0)
    aborts.end("a")
    await asyncio.wait(tasks[:2])
    for task in tasks[:2]:
        error = task.exception()
        assert isinstance(error, StepError)
        assert (error.code, error.retryable, error.details) == ("canceled", True, {"outcome": "unknown"})
    assert (aborts.broken_off, tasks[2].done()) == (2, False)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert not aborts._scopes


async def test_nothing_begins_while_an_end_is_remembered(aborts: Cancellations, clock: ManualClock) -> None:
    aborts.end("a")
    assert [await begun(aborts, key) for key in ("a", "b", None)] == [False, True, True]
    with pytest.raises(StepError, match="nothing was called") as caught:
        aborts.check("a")
    assert (caught.value.code, caught.value.retryable, caught.value.details) == ("canceled", True, {})
    aborts.check("b")
    aborts.check(None)
    clock.ms += REMEMBER_MS - 1
    assert not await begun(aborts, "a")
    clock.ms += 1
    assert await begun(aborts, "a")
    aborts.check("a")
    assert not aborts._ended


async def test_an_end_that_is_repeated_is_remembered_from_then_on(aborts: Cancellations, clock: ManualClock) -> None:
    aborts.end("a")
    clock.ms += REMEMBER_MS - 1
    aborts.end("a")
    clock.ms += REMEMBER_MS - 1
    assert not await begun(aborts, "a")


async def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(
    aborts: Cancellations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.calls.cancellation.MAX_REMEMBERED", 10)
    for n in range(100):
        aborts.end(f"run-{n}")
    assert list(aborts._ended) == [f"run-{n}" for n in range(90, 100)]


async def test_a_time_limit_within_stays_a_time_limit(aborts: Cancellations) -> None:
    with pytest.raises(TimeoutError):
        async with aborts.breakable("a"):
            raise TimeoutError
    assert (aborts._scopes, aborts.broken_off) == ({}, 0)
