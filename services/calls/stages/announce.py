"""Step 7: the log knows of the call before anybody is asked."""

from connectors.ports.engine import Clock
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Announce
from services.calls.records import call_started


class AnnounceCall:
    """Appends ``CallStarted`` and awaits its acknowledgement. Of a call that costs nothing the log need not know."""

    def __init__(self, announce: Announce, clock: Clock, hold_ttl_ms: int) -> None:
        self._announce = announce
        self._clock = clock
        self._hold_ttl_ms = hold_ttl_ms

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.reserved.amount_nano:
            await self._announce(call_started(call, self._clock.now_ms() + self._hold_ttl_ms))
        return await proceed(call)
