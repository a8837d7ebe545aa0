"""Step 5: the call waits for room with its provider."""

import asyncio

import pytest

from connectors.memory.engine import ManualClock
from connectors.providers.base import ModelResponse
from schemas.errors import StepError, Unavailable
from schemas.limits.quotas import Ask, Limit, Made, Observed, Scope, Taken, Usage, Waiting
from schemas.records import base
from schemas.records.money import CallOutcome
from schemas.tables.wait_reasons import read_wait
from services.calls.call import Answer, Call
from services.calls.call_spans import call_span
from services.calls.ledger import Ledger
from services.calls.records import provider_call
from services.calls.stages.quota import Quota
from services.calls.timeouts import Deferred
from services.routing.router import Route
from tests.support.calls import NOW_MS, Next, call

SCOPE = Scope("all:local", "local", (Limit("requests", "minute", 60),))


class RequestsPerWindow:
    """So many requests until the time that ``opens_ms`` says; ``most_tokens`` of one at all."""

    def __init__(self, clock: ManualClock, room: int, opens_ms: int, most_tokens: int = 1_000) -> None:
        self._clock = clock
        self._room = room
        self._opens_ms = opens_ms
        self._most_tokens = most_tokens
        self.taken: list[Ask] = []
        self.settled: list[Made] = []
        self.down: Exception | None = None

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        if ask.usage.output_tokens > self._most_tokens:
            raise StepError("quota_exceeded", "more than the route takes at once")
        left_ms = self._opens_ms - self._clock.now_ms()
        if len(self.taken) >= self._room and left_ms > 0:
            return Waiting(left_ms, SCOPE, SCOPE.limits[0], left_ms > patience_ms)
        self.taken.append(ask)
        return Taken(ask, (SCOPE,), 20)

    async def settle(self, taken: Taken, made: Made) -> None:
        if self.down is not None:
            raise self.down
        self.settled.append(made)


class Unlimited(RequestsPerWindow):
    """Limits nothing."""

    async def take(self, ask: Ask, patience_ms: float) -> Taken | Waiting | None:
        return None


ROUTE = Route("local", "local-silver")
RESERVED = Usage(1, 25, 100)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def quotas(clock: ManualClock) -> RequestsPerWindow:
    return RequestsPerWindow(clock, 1, NOW_MS)


async def test_without_quotas_nothing_is_waited_for(clock: ManualClock) -> None:
    proceed, made = Next(), call()
    await Quota(None, clock)(made, proceed)
    assert (proceed.call is made, clock.ms) == (True, NOW_MS)


async def test_what_nothing_limits_is_not_settled(clock: ManualClock) -> None:
    quotas, proceed = Unlimited(clock, 0, NOW_MS), Next()
    await Quota(quotas, clock)(call(), proceed)
    assert (len(proceed.calls), quotas.settled, clock.ms) == (1, [], NOW_MS)


async def test_a_call_with_room_takes_it_and_goes_when_it_begins(clock: ManualClock, quotas: RequestsPerWindow) -> None:
    proceed = Next()
    await Quota(quotas, clock)(call(route=ROUTE, input_tokens=100), proceed)
    (ask,) = quotas.taken
    assert (ask.provider, ask.model, ask.usage) == (*ROUTE, RESERVED)
    assert (ask.org_id, ask.workflow, ask.tier, ask.ticket) == ("acme", "flow", "silver", "acme:run:step:1")
    assert (len(proceed.calls), clock.ms) == (1, NOW_MS + 20)


async def test_a_call_waits_for_room_that_comes_soon(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 0, NOW_MS + 1_500), Next()
    await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (len(proceed.calls), clock.ms) == (1, NOW_MS + 1_520)


async def test_a_longer_wait_is_given_back_with_its_time_and_reason(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 0, NOW_MS + 30_000), Next()
    with pytest.raises(Deferred) as caught:
        await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (caught.value.wait_s, clock.ms, proceed.calls) == (30.0, NOW_MS, [])
    wait = read_wait(caught.value.reason)
    assert (wait.kind, "local/local-silver" in wait.detail) == ("quota", True)
    assert "60 requests a minute of local are used up" in wait.detail


async def test_a_call_that_no_waiting_helps_is_refused(clock: ManualClock) -> None:
    quotas, proceed = RequestsPerWindow(clock, 9, NOW_MS, most_tokens=99), Next()
    with pytest.raises(StepError) as caught:
        await Quota(quotas, clock)(call(route=ROUTE), proceed)
    assert (caught.value.code, proceed.calls) == ("quota_exceeded", [])


async def test_an_answer_corrects_what_was_taken_and_says_the_limits(
    clock: ManualClock, quotas: RequestsPerWindow
) -> None:
    seen = (Observed("requests", 60, 59, 1_000),)
    usage = base.Usage(input_tokens=7, output_tokens=3)
    await Quota(quotas, clock)(call(), Next(Answer(response=ModelResponse("a", usage, limits=seen))))
    assert quotas.settled == [Made(Usage(1, 7, 3), seen)]


def made(outcome: CallOutcome) -> Call:
    """Return a call whose ledger has its request to the provider."""
    one = call(Ledger(), route=ROUTE, input_tokens=100)
    record = provider_call(one, outcome, NOW_MS, 1.0)
    one.ledger.add(record, None, call_span(one, record))
    return one


@pytest.mark.parametrize(
    ("one", "fails", "settled"),
    [
        (call(), StepError("budget_exceeded", "no money"), Made(Usage(0, 0, 0))),
        (made("rate_limited"), StepError("rate_limited", "429", retry_after_ms=4_000), Made(Usage(1, 0, 0), (), 4_000)),
        (made("rate_limited"), StepError("rate_limited", "429"), Made(Usage(1, 0, 0), (), 1_000)),
        (made("error"), StepError("provider_rejected", "400"), Made(Usage(1, 0, 0))),
        (made("timeout"), StepError("timeout", "late"), Made(RESERVED)),
    ],
    ids=["not made", "429 with a time", "429 without one", "refused", "outcome unknown"],
)
async def test_a_failure_gives_back_what_it_surely_did_not_use(
    clock: ManualClock, quotas: RequestsPerWindow, one: Call, fails: Exception, settled: Made
) -> None:
    with pytest.raises(type(fails)):
        await Quota(quotas, clock)(one, Next(fails))
    assert quotas.settled == [settled]


async def test_a_canceled_call_is_settled_too(clock: ManualClock, quotas: RequestsPerWindow) -> None:
    async def canceled(_: Call) -> Answer:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Quota(quotas, clock)(call(), canceled)
    assert quotas.settled == [Made(Usage(0, 0, 0))]


async def test_an_answer_is_not_lost_because_redis_is(clock: ManualClock, quotas: RequestsPerWindow) -> None:
    quotas.down = Unavailable("redis", "gone")
    answer = await Quota(quotas, clock)(call(), Next())
    assert answer.response.text == "an answer"
