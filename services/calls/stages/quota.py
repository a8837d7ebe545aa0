"""Step 5: the call waits for room in what its provider lets us ask."""

from connectors.ports.engine import Clock
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Quotas
from services.calls.timeouts import within_patience


class Quota:
    """Takes room before money is held, so that nothing is held while a call waits. ``None`` knows no limits.

    Raises ``Deferred`` for a wait that is longer than ``PATIENCE_S``.
    """

    def __init__(self, quotas: Quotas | None, clock: Clock) -> None:
        self._quotas = quotas
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        quotas = self._quotas
        if quotas is not None:
            provider, model = call.route
            await within_patience(
                lambda: quotas.take(call), self._clock, lambda exc: f"quota {provider}/{model}: {exc}"
            )
        return await proceed(call)
