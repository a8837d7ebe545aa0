"""What a worker does with an attempt of which nobody knows how it ended."""

from typing import Any

import pytest

from connectors.redis.claims.leases import Granted
from connectors.tools import Done, NotDone, Reconciled, Unknown
from schemas.errors import StepError
from schemas.records.steps import FunctionCall, StepRequest, ToolCall
from schemas.spec.policy import OnUnknown
from streams.roles.worker.unknown_outcome import settled

BROKEN_OFF = StepError("provider_timeout", "no answer", retryable=True, details={"outcome": "unknown"})
NO_HOOK = Unknown("no hook")
FIRST, SECOND = Granted("r", "r:s:1", 1, 1, 0), Granted("r", "r:s:1", 2, 2, 0)


def request(on_unknown: OnUnknown, work: Any = None) -> StepRequest:
    return StepRequest(
        run_id="r",
        org_id="acme",
        workflow_name="flow",
        workflow_version=1,
        step_id="s",
        node_id="s",
        attempt=1,
        tier="silver",
        work=work or ToolCall(name="pay"),
        requested_at_ms=0,
        on_unknown=on_unknown,
    )


class Calls:
    """A tool: what it was asked to do, and what it says."""

    def __init__(self, says: Reconciled = NO_HOOK, raises: StepError | None = None) -> None:
        self.made: list[str] = []
        self.says = says
        self.raises = raises

    async def ask(self) -> Reconciled:
        self.made.append("ask")
        return self.says

    async def work(self) -> str:
        self.made.append("work")
        if self.raises is not None:
            raise self.raises
        return "worked"

    async def settle(self, on_unknown: OnUnknown, granted: Granted | None, work: Any = None) -> Any:
        return await settled(request(on_unknown, work), granted, self.ask, self.work)


@pytest.mark.parametrize("on_unknown", ["retry", "fail", "reconcile"])
async def test_a_first_start_just_works(on_unknown: OnUnknown) -> None:
    calls = Calls()
    assert await calls.settle(on_unknown, FIRST) == "worked"
    assert calls.made == ["work"]


async def test_a_lost_start_is_made_again_only_by_retry() -> None:
    assert await Calls().settle("retry", SECOND) == "worked"
    for on_unknown, asked in (("fail", []), ("reconcile", ["ask"])):
        calls = Calls()
        with pytest.raises(StepError, match="idempotency key r:s where") as caught:
            await calls.settle(on_unknown, SECOND)  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.retryable) == ("outcome_unknown", False)
        assert calls.made == asked


async def test_a_tool_that_knows_of_the_call_gives_its_output_and_is_not_called() -> None:
    calls = Calls(Done({"id": 7}))
    assert await calls.settle("reconcile", SECOND) == {"id": 7}
    assert calls.made == ["ask"]


async def test_a_tool_that_knows_of_no_call_is_called() -> None:
    calls = Calls(NotDone())
    assert await calls.settle("reconcile", SECOND) == "worked"
    assert calls.made == ["ask", "work"]


async def test_a_call_that_broke_off() -> None:
    with pytest.raises(StepError) as caught:
        await Calls(raises=BROKEN_OFF).settle("retry", FIRST)
    assert caught.value is BROKEN_OFF
    with pytest.raises(StepError) as caught:
        await Calls(raises=BROKEN_OFF).settle("fail", FIRST)
    assert caught.value.code == "outcome_unknown"
    assert await Calls(Done(3), raises=BROKEN_OFF).settle("reconcile", FIRST) == 3
    with pytest.raises(StepError) as caught:  # it may be tried again: it had no effect
        await Calls(NotDone(), raises=BROKEN_OFF).settle("reconcile", FIRST)
    assert caught.value is BROKEN_OFF


async def test_an_error_that_says_what_happened_is_that_error() -> None:
    refused = StepError("rejected", "no such account")
    calls = Calls(raises=refused)
    with pytest.raises(StepError) as caught:
        await calls.settle("reconcile", FIRST)
    assert caught.value is refused
    assert calls.made == ["work"]


async def test_what_has_no_claim_or_no_hook_is_not_asked() -> None:
    assert await Calls().settle("fail", None, FunctionCall(name="f")) == "worked"
    calls = Calls(Done(1))
    with pytest.raises(StepError):
        await calls.settle("reconcile", SECOND, FunctionCall(name="f"))
    assert calls.made == []
