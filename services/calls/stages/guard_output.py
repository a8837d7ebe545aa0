"""Step 9: guards look at what the model answered."""

from collections.abc import Sequence

from msgspec import structs

from schemas.errors import StepError
from services.calls.answers.streamed import deliver
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Guard


class GuardOutput:
    """Asks the guards in order, each for what the one before it let pass.

    An answer that one stops is returned as blocked, since it must be paid for; ``settle`` raises the reason. A guard
    that fails stops the answer, too. A listener gets the text as one delta when all guards have let it pass.
    """

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        answer = await proceed(call)
        if answer.blocked is not None:
            return answer
        for guard in self._guards:
            try:
                answer = structs.replace(answer, response=await guard.answer(call, answer.response))
            except StepError as exc:
                return structs.replace(answer, blocked=exc)
            except Exception as exc:  # noqa: BLE001 - whatever a guard raises, the answer is there and must be paid
                error = StepError("guard_failed", f"a guard failed: {type(exc).__name__}: {exc}", retryable=True)
                return structs.replace(answer, blocked=error)
        if self._guards:
            await deliver(call.on_delta, answer.response.text)
        return answer
