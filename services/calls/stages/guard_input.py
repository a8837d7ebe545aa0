"""Step 2: guards look at what the model would be asked."""

from collections.abc import Sequence

from connectors.ports.engine import Clock
from schemas.errors import StepError
from services.calls.call import Answer, Call, Proceed
from services.calls.call_spans import guard_span
from services.calls.ports import Guard


class GuardInput:
    """Asks the guards in order, each for what the one before it let pass. What one stops is neither asked nor paid."""

    def __init__(self, guards: Sequence[Guard], clock: Clock) -> None:
        self._guards = guards
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        return await proceed(await self._looked_at(call) if self._guards else call)

    async def _looked_at(self, call: Call) -> Call:
        since_ms = self._clock.now_ms()
        stop: StepError | None = None
        try:
            for guard in self._guards:
                call = await guard.question(call)
        except Exception as exc:
            stop = exc if isinstance(exc, StepError) else StepError("guard_failed", type(exc).__name__)
            raise
        finally:
            call.ledger.spans.append(guard_span(call, "input", since_ms, self._clock.now_ms(), stop))
        return call
