"""Step 7: the log knows of the call before anybody is asked."""

from pathlib import Path

import pytest

from schemas.errors import Unavailable
from services.calls.call import Reserved
from services.calls.stages.announce import AnnounceCall
from services.routing.router import Route
from tests.support.calls import NOW_MS, TTL_MS, Calls, Next, call

RESERVED = Reserved(500, NOW_MS - 7, "v1")


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def test_the_log_has_all_that_the_hold_has_before_the_call_goes_on(calls: Calls) -> None:
    before: list[int] = []
    proceed = Next(then=lambda: before.append(len(calls.started)))
    made = call(reserved=RESERVED, route=Route("local", "m"), tags={"team": "blue"})
    await AnnounceCall(calls.announce, calls.clock, TTL_MS)(made, proceed)
    (start,) = calls.started
    assert before == [1]
    assert (start.amount_nano, start.booked_at_ms, start.price_version) == (500, NOW_MS - 7, "v1")
    assert (start.call_id, start.org_id, start.run_id, start.step_id) == ("run:step:1@5#1", "acme", "run", "step")
    assert (start.workflow_name, start.provider, start.model, start.tags) == ("flow", "local", "m", {"team": "blue"})
    assert start.expires_at_ms == NOW_MS + TTL_MS


async def test_a_call_that_costs_nothing_is_not_announced(calls: Calls) -> None:
    proceed = Next()
    await AnnounceCall(calls.announce, calls.clock, TTL_MS)(call(), proceed)
    assert (calls.started, len(proceed.calls)) == ([], 1)


async def test_a_call_that_the_log_does_not_take_is_not_made(calls: Calls) -> None:
    calls.announce_fails, proceed = Unavailable("kafka", "down"), Next()
    with pytest.raises(Unavailable):
        await AnnounceCall(calls.announce, calls.clock, TTL_MS)(call(reserved=RESERVED), proceed)
    assert proceed.calls == []
