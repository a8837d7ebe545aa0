"""Before step 5: nothing is asked of what was stopped or paused."""

from connectors.ports.engine import Clock
from schemas.errors import StepError
from schemas.limits.stops import Stop
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Stops
from services.calls.timeouts import Deferred, within_patience

#: How soon a call that is paused asks again; a resumed one continues within this time.
ASK_AGAIN_S = 15.0


class StopCalls:
    """Lets no call pass that an emergency stop or a pause names, free ones included. ``None`` knows of none.

    Raises a final ``StepError`` ``calls_stopped``; ``Deferred`` for a pause, and while stops are not known yet.
    """

    def __init__(self, stops: Stops | None, clock: Clock) -> None:
        self._stops = stops
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if self._stops is not None:
            found = await within_patience(lambda: self._found(call), self._clock, str)
            if found is not None:
                _refuse(found)
        return await proceed(call)

    async def _found(self, call: Call) -> Stop | None:
        assert self._stops is not None
        return self._stops.applying(call.org_id, call.origin.workflow_name, call.route.provider, call.route.model)


def _refuse(stop: Stop) -> None:
    if stop.mode == "pause":
        raise Deferred(ASK_AGAIN_S, f"budget pause of {stop.named}: {stop.reason}")
    raise StepError(
        "calls_stopped",
        f"calls of {stop.named} were stopped: {stop.reason}; they go on after DELETE /api/v1/stops/{stop.id}",
        details={"stop_id": stop.id, "scope": stop.scope, "target": stop.target or "", "reason": stop.reason},
    )
