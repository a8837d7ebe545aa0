"""A call steps down where a budget wants that, as far as there are tiers, and waits where a budget wants that."""

from pathlib import Path

import pytest

from connectors.redis.holds import Refused
from schemas.budgets import Policy
from schemas.errors import StepError
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.stages.hold import MOST_WAIT_S
from services.calls.timeouts import Deferred
from services.routing.router import Pin
from tests.support.calls import NOW_MS, Calls, call

pytestmark = pytest.mark.asyncio


def refused(policy: Policy = "step_down", limit: int = 10**9, opens_at_ms: int | None = NOW_MS + 60_000) -> Refused:
    return Refused("b", "cap", limit, 0, 0, opens_at_ms, policy)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def test_a_call_without_room_is_served_a_tier_below(calls: Calls) -> None:
    calls.holds.answers = [refused()]
    ledger = Ledger()
    await compose(call_stages(calls.ports()))(call(ledger, tier="gold"))
    assert (ledger.model, [one.model for one in calls.provider.asked]) == ("local-silver", ["local-silver"])
    assert ledger.spans[0].attributes["agentflow.call.stepped_down_from"] == "gold"
    assert len(calls.holds.held) == len(calls.started) == 1


async def test_a_call_steps_down_twice_and_then_is_refused(calls: Calls) -> None:
    calls.holds.answers = [refused(), refused(), refused()]
    with pytest.raises(StepError, match="has no room") as caught:
        await compose(call_stages(calls.ports()))(call(tier="gold"))
    assert (caught.value.code, caught.value.retryable, calls.provider.asked) == ("budget_exceeded", False, [])
    assert calls.holds.answers == []


async def test_a_pinned_model_does_not_step_down(calls: Calls) -> None:
    calls.holds.answers = [refused()]
    with pytest.raises(StepError, match="has no room"):
        await compose(call_stages(calls.ports()))(call(tier="gold", pinned=Pin("local", "local-gold")))
    assert calls.provider.asked == []


async def test_only_calls_that_can_step_down_say_so(calls: Calls) -> None:
    cases = (("gold", Pin(), True), ("bronze", Pin(), False), ("gold", Pin(None, "local-gold"), False))
    for tier, pinned, can in cases:
        calls.holds.held.clear()
        await compose(call_stages(calls.ports()))(call(tier=tier, pinned=pinned))
        [request] = calls.holds.held.values()
        assert (request.can_step_down, request.prompt_name) == (can, "ask")


async def test_a_call_waits_for_the_next_window_where_the_budget_says_so(calls: Calls) -> None:
    calls.holds.answers = [refused("wait"), refused("wait", opens_at_ms=NOW_MS + 86_400_000)]
    for wait_s in (60.0, MOST_WAIT_S):
        with pytest.raises(Deferred, match=r"^budget cap$") as caught:
            await compose(call_stages(calls.ports()))(call())
        assert caught.value.wait_s == wait_s


async def test_a_call_that_never_fits_does_not_wait(calls: Calls) -> None:
    for answer in (refused("wait", limit=1), refused("wait", opens_at_ms=None), refused("reject")):
        calls.holds.answers = [answer]
        with pytest.raises(StepError, match="has no room"):
            await compose(call_stages(calls.ports()))(call())
