"""Step 9: guards look at what the model answered: those of the process, then those of the call's policy."""

from collections.abc import Sequence
from functools import partial

import orjson
from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from services.calls.answers.streamed import deliver
from services.calls.call import Answer, Call, Proceed
from services.calls.call_spans import guard_span
from services.calls.ports import Guard
from services.calls.security.judging import Judging
from services.security.guards.checks import Told
from services.security.guards.windows import Window


class GuardOutput:
    """Asks the guards in order, each for what the one before it let pass.

    An answer that one stops is returned as blocked, since it must be paid for; ``settle`` raises the reason. A guard
    that fails stops the answer, too. Guards of the process withhold a stream until it is whole; those of a policy look
    at it in windows.
    """

    def __init__(self, guards: Sequence[Guard], clock: Clock, judging: Judging | None = None) -> None:
        self._guards = guards
        self._clock = clock
        self._judging = judging

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.guards is None and not self._guards:
            return await proceed(call)
        told = Told(_sources(call), None if self._judging is None else partial(self._judging.ask, call))
        window = self._window(call, told)
        answer = await proceed(call if window is None else structs.replace(call, on_delta=window))
        if answer.blocked is not None:
            return answer
        since_ms = self._clock.now_ms()
        # What windows refuse for one who only looks on does not decide on the answer.
        cut = None if window is None or call.watched else window.fault
        answer = await self._looked_at(call, answer, told, cut)
        call.ledger.spans.append(guard_span(call, "output", since_ms, self._clock.now_ms(), answer.blocked))
        if answer.blocked is None and window is not None:
            await window.end(answer.response.text)
        elif answer.blocked is None:
            await deliver(call.on_delta, answer.response.text)
        return answer

    def _window(self, call: Call, told: Told) -> Window | None:
        if call.guards is None or call.on_delta is None or self._guards:
            return None
        return Window(call.guards, call.on_delta, told, [] if call.watched else call.ledger.decisions)

    async def _looked_at(self, call: Call, answer: Answer, told: Told, cut: StepError | None) -> Answer:
        for guard in self._guards:
            try:
                answer = structs.replace(answer, response=await guard.answer(call, answer.response))
            except StepError as exc:
                return structs.replace(answer, blocked=exc)
            except Exception as exc:  # noqa: BLE001 - whatever a guard raises, the answer is there and must be paid
                error = StepError("guard_failed", f"a guard failed: {type(exc).__name__}: {exc}", retryable=True)
                return structs.replace(answer, blocked=error)
        if call.guards is None:
            return answer
        fault = cut or await call.guards.fault(
            _text(answer.response), told, call.ledger.decisions, is_call=bool(answer.response.asked)
        )
        return answer if fault is None else structs.replace(answer, blocked=fault)


def _sources(call: Call) -> list[str]:
    """Return the texts that the model had read: the values of its prompt, and the results of its tools."""
    content = call.content
    values = {} if content.template is None else content.template.given or content.template.args
    texts = [one if isinstance(one, str) else orjson.dumps(one, default=str).decode() for one in values.values()]
    return [*texts, *(result for turn in content.turns for result in turn.results)]


def _text(response: ModelResponse) -> str:
    """Return all that a model said: its text, and the arguments of the tools that it requests."""
    asked = [orjson.dumps(one.args, default=str).decode() for one in response.asked]
    return "\n".join([response.text, *asked]) if asked else response.text
