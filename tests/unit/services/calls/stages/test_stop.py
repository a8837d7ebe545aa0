"""The stage that lets nothing pass that was stopped or paused."""

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import StepError, Unavailable
from schemas.limits.stops import Stop, StopMode
from services.calls.call import Answer, Call
from services.calls.stages.stop import StopCalls
from services.calls.timeouts import Deferred
from tests.support.calls import call

pytestmark = pytest.mark.asyncio


class Stops:
    """Answers with what it was given, in order."""

    def __init__(self, *answers: Stop | Exception | None) -> None:
        self.answers = list(answers)

    def applying(self, org_id: str, workflow: str, provider: str, model: str) -> Stop | None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Passed(Exception):
    """The call went on."""


async def goes_on(call: Call) -> Answer:
    raise Passed


def stop(mode: StopMode) -> Stop:
    return Stop(id="stop_1", org_id="acme", scope="provider", target="local", mode=mode, reason="too dear")


async def test_a_stopped_call_fails_for_good_and_says_why() -> None:
    with pytest.raises(
        StepError, match=r"provider local were stopped: too dear; .*DELETE /api/v1/stops/stop_1"
    ) as caught:
        await StopCalls(Stops(stop("stop")), ManualClock())(call(), goes_on)
    assert (caught.value.code, caught.value.retryable) == ("calls_stopped", False)


async def test_a_paused_call_waits() -> None:
    with pytest.raises(Deferred, match=r"budget pause of provider local: too dear") as caught:
        await StopCalls(Stops(stop("pause")), ManualClock())(call(), goes_on)
    assert caught.value.wait_s <= 15


async def test_a_call_that_nobody_stopped_goes_on() -> None:
    for stops in (Stops(None), None):
        with pytest.raises(Passed):
            await StopCalls(stops, ManualClock())(call(), goes_on)


async def test_a_call_waits_until_stops_are_known() -> None:
    early = Unavailable("budgets", "not read", 0.5)
    with pytest.raises(Passed):
        await StopCalls(Stops(early, None), ManualClock())(call(), goes_on)
    with pytest.raises(Deferred):
        await StopCalls(Stops(*[early] * 9), ManualClock())(call(), goes_on)
