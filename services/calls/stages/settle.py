"""Step 11: the call is settled, in every way that it can end.

- it gave an answer: its actual cost, also when a guard blocks the answer or when it has no text. Counts that cannot be
  are replaced by the call's bounds first (``services.calls.counts``);
- it surely did not happen (refused, rate limited, failed at the provider): nothing, which is a settlement, too;
- its outcome is unknown (a timeout, a broken connection, a run that ended meanwhile): the estimate, presumed, which an
  actual settlement would replace. A stream that broke off after counts had come is presumed at these, with as much
  output as ``max_tokens`` allows, since the provider may have written on.
"""

import time
from collections.abc import Mapping

from msgspec import structs

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from schemas.payload import Payload
from schemas.records.base import Json, Usage
from schemas.records.money import CallOutcome, CostEvent, ProviderCall
from services.calls.answers.streamed import BrokenStreamError
from services.calls.call import Answer, Call, Proceed
from services.calls.call_spans import call_span
from services.calls.capture import captured
from services.calls.counts import believed, cost_of
from services.calls.ports import Objects, Prices, PriceSource
from services.calls.records import asked, failure, presumed, provider_call, settlement
from services.calls.stated_cost import NOTHING_BOOKED

_OUTCOMES: Mapping[str, CallOutcome] = {
    "rate_limited": "rate_limited",
    "timeout": "timeout",
    "provider_timeout": "timeout",
}
BROKEN = "stream:broken"


class Settle:
    """Books what became of the call in its ledger. Raises what the stages after it raise, or what a guard did."""

    def __init__(self, prices: PriceSource, objects: Objects, clock: Clock) -> None:
        self._prices = prices
        self._objects = objects
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        started_ms, began_s = self._clock.now_ms(), time.perf_counter()
        try:
            answer = await proceed(call)
        except Exception as exc:
            latency_ms = (time.perf_counter() - began_s) * 1000
            await self._settle_failure(call, _as_step_error(exc), started_ms, latency_ms)
            raise
        response = believed(self._booked(call), call, answer.response)
        if response is not answer.response:
            answer = structs.replace(answer, response=response)
        await self._settle_answer(call, answer, started_ms, (answer.at_s - began_s) * 1000)
        if answer.blocked is not None:
            raise answer.blocked
        return answer

    async def _settle_answer(self, call: Call, answer: Answer, started_ms: int, latency_ms: float) -> None:
        response, blocked = answer.response, answer.blocked
        call.ledger.finish_reason = response.finish_reason
        provider, prices = call.route.provider, self._booked(call)
        cost = cost_of(prices, call.route, response, call.reserved.amount_nano, call.reserved.booked_at_ms)
        record = provider_call(call, "ok", started_ms, latency_ms)
        record = structs.replace(
            record,
            ttft_ms=_ttft_ms(answer.first_s, answer.at_s, latency_ms),
            usage=response.usage,
            cost_nano=cost.amount_nano,
            error_code=blocked and blocked.code,
            notes=[*response.notes, *([cost.note] if cost.note else [])],
        )
        received = response.received if blocked in (None, response.problem) else failure(blocked)
        await self._add(call, record, response.sent, received, settlement(call, cost, response.usage), response)
        call.ledger.count_stated(provider, response.stated_cost_usd, cost)

    async def _settle_failure(self, call: Call, error: StepError, started_ms: int, latency_ms: float) -> None:
        outcome = _outcome(error)
        settled = (
            self._presumed(call, error)
            if outcome in ("timeout", "unknown")
            else settlement(call, NOTHING_BOOKED, Usage())
        )
        cost = 0 if settled is None else settled.amount_nano
        record = provider_call(call, outcome, started_ms, latency_ms)
        record = structs.replace(record, error_code=error.code, cost_nano=cost)
        if isinstance(error, BrokenStreamError):
            usage = Usage() if settled is None else settled.usage
            first_ms = _ttft_ms(error.first_s, time.perf_counter(), latency_ms)
            record = structs.replace(record, usage=usage, ttft_ms=first_ms, notes=[BROKEN])
        await self._add(call, record, asked(call), failure(error), settled)

    def _presumed(self, call: Call, error: StepError) -> CostEvent | None:
        usage = error.usage if isinstance(error, BrokenStreamError) else None
        if usage is None or not call.reserved.amount_nano:
            return presumed(call)
        most = structs.replace(usage, output_tokens=max(usage.output_tokens, call.content.max_tokens))
        prices = self._booked(call)
        usage = believed(prices, call, ModelResponse("", most)).usage
        cost = prices.cost(*call.route, usage, call.reserved.booked_at_ms)
        return presumed(call, cost, usage)

    def _booked(self, call: Call) -> Prices:
        """Return the prices under which the call is held: a list that holds since then changes nothing of it."""
        return self._prices.booked(call.org_id, call.reserved.price_version)

    async def _add(
        self,
        call: Call,
        record: ProviderCall,
        sent: Json,
        received: Json,
        settled: CostEvent | None,
        answer: ModelResponse | None = None,
    ) -> None:
        request, response = await self._captured(call, sent), await self._captured(call, received)
        record = structs.replace(record, request=request, response=response)
        call.ledger.add(record, settled, call_span(call, record, answer))

    async def _captured(self, call: Call, body: Json) -> Payload | None:
        if call.private is not None and body is not None and call.capture == "full":
            body = await call.private.captured(body, call.ledger)
        # The call may be paid for, so a store that is down is waited for.
        return await until_available(
            lambda: captured(self._objects, call.org_id, call.capture, body, call.subject), self._clock
        )


def _outcome(error: StepError) -> CallOutcome:
    unknown = error.details.get("outcome") == "unknown"
    known = _OUTCOMES.get(error.code, "error")
    return "unknown" if unknown and known != "timeout" else known


def _ttft_ms(first_s: float | None, at_s: float, latency_ms: float) -> float | None:
    """Return the time to the first piece, of a call that took ``latency_ms`` until ``at_s``."""
    return None if first_s is None else latency_ms - (at_s - first_s) * 1000


def _as_step_error(exc: Exception) -> StepError:
    """Return a failure that no provider named as one with an unknown outcome."""
    if isinstance(exc, StepError):
        return exc
    return StepError("exception", f"{type(exc).__name__}: {exc}", retryable=True, details={"outcome": "unknown"})
