"""Step 2: guards look at what the model would be asked."""

from collections.abc import Sequence

from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Guard


class GuardInput:
    """Asks the guards in order, each for what the one before it let pass. What one stops is neither asked nor paid."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        for guard in self._guards:
            call = await guard.question(call)
        return await proceed(call)
