"""Before step 5: an answer that breaks its schema is requested once more, with what is wrong about it.

The second call is one of its own: it has its own id, idempotency key, span, hold, ``ProviderCall`` and settlement, at
the route that gave the first answer. A process that dies in it leaves the first call as after step 8, and its own as
where it was; a repeat of the attempt makes both again, under other ids.
"""

from collections.abc import Callable

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.conversation import Said
from schemas.errors import StepError
from schemas.ids import repair_id, repair_idempotency_key, repair_span_id
from schemas.prompts.output_check import InvalidOutput, correction, correction_in_turn
from services.calls.call import Answer, Call, Content, Proceed
from services.calls.timeouts import Deferred


class Repair:
    """Makes the second call of those that want it. ``tokens`` bounds the input of a call at its route.

    One that was cut off is not requested again, nor one whose caller has read it as it came. Raises ``InvalidOutput``
    when the second answer breaks the schema, too, and when there is none: then with its reason in ``details``, and
    retryable where that is.
    """

    def __init__(self, clock: Clock, tokens: Callable[[Call], int]) -> None:
        self._clock = clock
        self._tokens = tokens

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        began_ms, spent_nano = self._clock.now_ms(), call.ledger.cost_nano
        try:
            return await proceed(call)
        except InvalidOutput as exc:
            left_s = call.timeout_s - (self._clock.now_ms() - began_ms) / 1000
            if not call.content.repair or exc.cut_off or call.delivers or left_s <= 0:
                raise
            return await self._again(call, exc, left_s, call.ledger.cost_nano - spent_nano, proceed)

    async def _again(
        self, call: Call, first: InvalidOutput, left_s: float, spent_nano: int, proceed: Proceed
    ) -> Answer:
        second = structs.replace(
            call,
            call_id=repair_id(call.call_id),
            idempotency_key=repair_idempotency_key(call.idempotency_key),
            trace=structs.replace(call.trace, span_id=repair_span_id(call.trace.span_id)),
            content=_with_problem(call.content, first),
            timeout_s=left_s,
            cap_nano=None if call.cap_nano is None else max(0, call.cap_nano - spent_nano),
            choice=None,
            # One who looks on has the first answer.
            on_delta=None,
            trial=structs.replace(call.trial, kind="repair", why=first.code),
        )
        try:
            return await proceed(structs.replace(second, input_tokens=self._tokens(second)))
        except InvalidOutput as exc:
            exc.details = exc.details | {"repair": "the second answer breaks it, too"}
            raise
        except Deferred as exc:
            # The first call is paid for, so its ledger must not be lost.
            raise _unrepaired(first, exc.reason, retryable=True) from exc
        except StepError as exc:
            if exc.code == "canceled":
                raise
            raise _unrepaired(first, f"{exc.code}: {exc}", retryable=exc.retryable) from exc


def _unrepaired(first: InvalidOutput, why: str, *, retryable: bool) -> InvalidOutput:
    first.details = first.details | {"repair": f"no second answer: {why}"}
    first.retryable = retryable
    return first


def _with_problem(content: Content, first: InvalidOutput) -> Content:
    """Return the same question, followed by the answer and what is wrong about it."""
    once = structs.replace(content, batch="never")
    if content.turns:
        # Turns come after the prompt, where no message of the user has a place.
        return structs.replace(once, prompt=correction_in_turn(content.prompt, first.text, first.found))
    history = (*content.history, Said("user", content.prompt), Said("assistant", first.text))
    return structs.replace(once, prompt=correction(first.found), history=history)
