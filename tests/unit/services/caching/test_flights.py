"""One call in flight for all that ask the same."""

import asyncio

import pytest

from connectors.memory.engine import ManualClock
from connectors.redis.response_cache import Hit, Keep, Lookup
from schemas.errors import Unavailable
from services.caching.flights import Flight, Flights
from tests.support.calls import MemoryCache

KEEP = Keep(ttl_ms=1000)


@pytest.fixture
def store() -> MemoryCache:
    return MemoryCache([])


@pytest.fixture
def clock() -> ManualClock:
    """Time that each sleep moves."""
    return ManualClock(0)


@pytest.fixture
def flights(store: MemoryCache, clock: ManualClock) -> Flights:
    return Flights(store, clock)


def look(token: str) -> Lookup:
    return Lookup("acme", "digest", token)


async def led(flights: Flights, token: str) -> Flight:
    flight = await flights.enter(look(token), 60.0)
    assert isinstance(flight, Flight)
    return flight


async def test_the_first_leads_and_the_others_get_its_answer(flights: Flights) -> None:
    flight = await led(flights, "a")
    others = [asyncio.create_task(flights.enter(look(f"b{n}"), 60.0)) for n in range(5)]
    await asyncio.sleep(0)
    async with flights.leading(flight):
        assert not any(task.done() for task in others)
        await flights.land(flight, b"answer", KEEP)
    assert await asyncio.gather(*others) == [Hit("fresh", b"answer", 0, 0)] * 5


async def test_a_leader_that_fails_hands_over(flights: Flights, store: MemoryCache) -> None:
    flight = await led(flights, "a")
    other = asyncio.create_task(led(flights, "b"))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        async with flights.leading(flight):
            raise RuntimeError
    assert (await other).look.token == "b"
    assert store.leads == {"digest": "b"}


async def test_a_wait_that_is_longer_than_the_calls_limit_ends_in_a_call_of_its_own(
    flights: Flights, clock: ManualClock
) -> None:
    await led(flights, "a")
    assert await flights.enter(look("b"), 0.5) is None
    assert 500 <= clock.now_ms() <= 600


async def test_pauses_grow_with_the_wait(flights: Flights, store: MemoryCache) -> None:
    await led(flights, "a")
    await flights.enter(look("b"), 10.0)
    # Every 5 ms it would be 2,000.
    assert len(store.looks) < 100


async def test_without_a_store_everybody_calls(flights: Flights, store: MemoryCache) -> None:
    store.down = Unavailable("redis", "down")
    assert await flights.enter(look("a"), 60.0) is None


async def test_a_store_that_is_lost_in_flight_costs_no_answer(flights: Flights, store: MemoryCache) -> None:
    flight = await led(flights, "a")
    store.down = Unavailable("redis", "down")
    async with flights.leading(flight):
        await flights.land(flight, b"answer", KEEP)
    assert not store.answers
