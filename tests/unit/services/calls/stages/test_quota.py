"""Step 5: the call waits for room with its provider."""

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import Overloaded, StepError
from schemas.tables.wait_reasons import read_wait
from services.calls.call import Call
from services.calls.stages.quota import Quota
from services.calls.timeouts import Deferred
from services.routing.router import Route
from tests.support.calls import NOW_MS, Next, call


class RequestsPerWindow:
    """So many requests of each route until the time that ``opens_ms`` says; ``most_tokens`` of one at all."""

    def __init__(self, clock: ManualClock, room: int, opens_ms: int, most_tokens: int = 1_000) -> None:
        self._clock = clock
        self._room = room
        self._opens_ms = opens_ms
        self._most_tokens = most_tokens
        self.taken: list[Route] = []

    async def take(self, call: Call) -> None:
        if call.input_tokens + call.content.max_tokens > self._most_tokens:
            raise StepError("quota_exceeded", "more than the route takes at once", retryable=True, retry_after_ms=9_000)
        left_s = (self._opens_ms - self._clock.now_ms()) / 1000
        if len(self.taken) >= self._room and left_s > 0:
            raise Overloaded("60 requests a minute are used up", left_s)
        self.taken.append(call.route)


ROUTE = Route("local", "local-silver")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


async def test_without_quotas_nothing_is_waited_for(clock: ManualClock) -> None:
    proceed, made = Next(), call()
    await Quota(None, clock)(made, proceed)
    assert (proceed.call is made, clock.ms) == (True, NOW_MS)


async def test_a_call_with_room_takes_it_and_goes(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 1, NOW_MS + 1_000), Next()
    await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (quotas.taken, len(proceed.calls), clock.ms) == ([ROUTE], 1, NOW_MS)


async def test_a_call_waits_for_room_that_comes_soon(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 0, NOW_MS + 1_500), Next()
    await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (len(proceed.calls), clock.ms) == (1, NOW_MS + 1_500)


async def test_a_longer_wait_is_given_back_with_its_time_and_reason(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 0, NOW_MS + 30_000), Next()
    with pytest.raises(Deferred) as caught:
        await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (caught.value.wait_s, clock.ms, proceed.calls) == (30.0, NOW_MS, [])
    wait = read_wait(caught.value.reason)
    assert (wait.kind, "local/local-silver" in wait.detail) == ("quota", True)


async def test_a_call_that_no_waiting_helps_is_refused_with_when_to_come_again(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 9, NOW_MS, most_tokens=99), Next()
    with pytest.raises(StepError) as caught:
        await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (caught.value.code, caught.value.retry_after_ms, proceed.calls) == ("quota_exceeded", 9_000, [])
