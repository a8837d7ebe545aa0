"""Step 5: the call waits for room in what its provider lets us ask, and corrects what it took once it is over."""

import asyncio
import logging
from functools import partial

from connectors.ports.engine import Clock
from schemas.errors import StepError, TryLater, Unavailable
from schemas.limits.quotas import Ask, Made, Taken, Usage, Waiting
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import Quotas
from services.calls.timeouts import PATIENCE_S, Deferred, within_patience

log = logging.getLogger(__name__)

#: Bytes of text that make a token, about; ``Call.input_tokens`` counts bytes.
_BYTES_PER_TOKEN = 4
#: A call with room waits for its hold and its announcement, too, before its own time begins.
_BEFORE_MS = 30_000
#: A provider that takes no call and does not say for how long.
_PAUSE_MS = 1_000
#: An answer does not wait longer than this for its correction; room fills again with time.
_SETTLE_S = 1.0
NOTHING = Usage(0, 0, 0)


class Quota:
    """Takes room before money is held, so that nothing is held while a call waits. ``None`` knows no limits.

    Raises ``Deferred`` for a wait that is longer than ``PATIENCE_S``, and a final ``StepError`` ``quota_exceeded`` for
    a call that is larger than a limit.
    """

    def __init__(self, quotas: Quotas | None, clock: Clock) -> None:
        self._quotas = quotas
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        quotas = self._quotas
        since_ms = self._clock.now_ms()
        taken = None if quotas is None else await self._taken(quotas, call)
        call.ledger.waited("quota", since_ms, self._clock.now_ms())
        if quotas is None or taken is None:
            return await proceed(call)
        try:
            answer = await proceed(call)
        except BaseException as exc:
            await _settle(quotas, taken, failed(call, taken.ask.usage, exc))
            raise
        await _settle(quotas, taken, answered(answer))
        return answer

    async def _taken(self, quotas: Quotas, call: Call) -> Taken | None:
        ask, until_ms = ask_of(call), self._clock.now_ms() + PATIENCE_S * 1000
        while True:
            left_ms = max(0.0, until_ms - self._clock.now_ms())
            found = await within_patience(partial(quotas.take, ask, left_ms), self._clock, partial(_unknown, call))
            if isinstance(found, Waiting) and (found.back or found.wait_ms > left_ms):
                raise Deferred(max(found.wait_ms / 1000, PATIENCE_S), _reason(call, found))
            if found is not None and found.wait_ms > 0:
                await self._clock.sleep(found.wait_ms / 1000)
            if not isinstance(found, Waiting):
                return found


def ask_of(call: Call) -> Ask:
    """Return the room that a call needs on its route: its input, about, and all output that it may have."""
    provider, model = call.route
    return Ask(
        org_id=call.org_id,
        workflow=call.origin.workflow_name,
        tier=call.tier,
        provider=provider,
        model=model,
        credential="",
        call_id=call.call_id,
        ticket=f"{call.org_id}:{call.origin.request_id}",
        usage=Usage(1, max(1, call.input_tokens // _BYTES_PER_TOKEN), call.content.max_tokens),
        lasts_ms=int(call.timeout_s * 1000) + _BEFORE_MS,
    )


def answered(answer: Answer) -> Made:
    """Return what an answer used, and what its provider said of its limits."""
    usage = answer.response.usage
    return Made(Usage(1, usage.input_tokens, usage.output_tokens), answer.response.limits)


def failed(call: Call, reserved: Usage, exc: BaseException) -> Made:
    """Return what a call used that gave no answer: nothing if it was not made, all if nobody knows."""
    made = next((one for one in call.ledger.calls if one.call_id == call.call_id), None)
    if made is None:
        return Made(NOTHING)
    if made.outcome == "rate_limited":
        wait_ms = exc.retry_after_ms if isinstance(exc, StepError) else None
        return Made(Usage(1, 0, 0), blocked_ms=max(1, wait_ms if wait_ms is not None else _PAUSE_MS))
    if made.outcome == "error":
        return Made(Usage(1, made.usage.input_tokens, made.usage.output_tokens))
    return Made(reserved)


async def _settle(quotas: Quotas, taken: Taken, made: Made) -> None:
    try:
        async with asyncio.timeout(_SETTLE_S):
            await quotas.settle(taken, made)
    except (Unavailable, TimeoutError) as exc:
        log.warning("a quota is not corrected: %s", exc, extra={"action": "skip"})


def _reason(call: Call, waiting: Waiting) -> str:
    provider, model = call.route
    return f"quota {provider}/{model}: {waiting.limit.name} of {waiting.scope.name} are used up"


def _unknown(call: Call, exc: TryLater) -> str:
    provider, model = call.route
    return f"quota {provider}/{model}: {exc}"
