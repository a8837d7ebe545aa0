"""How long a call may take, and how long it may wait."""

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import Overloaded
from services.calls.timeouts import PATIENCE_S, Deferred, limited, within_patience


async def broken() -> None:
    raise TimeoutError("of the work's own")


async def asked(clock: ManualClock, *waits_s: float) -> str:
    left = list(waits_s)

    async def ask() -> str:
        if left:
            raise Overloaded("no room", left.pop(0))
        return "room"

    return await within_patience(ask, clock, lambda exc: f"because {exc}")


async def test_a_time_limit_of_the_work_itself_is_not_taken_for_ours() -> None:
    with pytest.raises(TimeoutError, match="of the work's own"):
        await limited(broken(), 60.0, "it")


async def test_waits_that_just_fill_the_patience_are_waited() -> None:
    clock = ManualClock(0)
    assert await asked(clock, PATIENCE_S / 2, PATIENCE_S / 2) == "room"
    assert clock.ms == PATIENCE_S * 1000


async def test_a_wait_that_goes_over_it_by_a_millisecond_is_not() -> None:
    clock = ManualClock(0)
    with pytest.raises(Deferred, match="because no room"):
        await asked(clock, PATIENCE_S / 2, PATIENCE_S / 2 + 0.001)
    assert clock.ms == PATIENCE_S / 2 * 1000
