"""Step 6: money is reserved in every budget that applies, and stays reserved during the call."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec import structs

from connectors.aio.keep_alive import kept
from connectors.ports.engine import Clock
from connectors.prices.listed import Served
from connectors.prices.rates import AUDIO_INPUT, IMAGE_INPUT, LONG_WRITES, VIDEO_INPUT
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, Refused
from schemas.errors import StepError, TryLater, Unavailable
from schemas.money import usd
from services.calls.call import Answer, Call, Content, Proceed, Reserved
from services.calls.cancellation import Cancellations
from services.calls.ports import Holds, Prices, PriceSource
from services.calls.stages.step_down import NoRoom, tier_below
from services.calls.timeouts import Deferred, within_patience

#: A call that waits for a window asks again after this time, so that a raised limit is noticed.
MOST_WAIT_S = 300.0


#: What other calls of a run hold of its budget is settled in about the time of a call.
HELD_RETRY_S = 0.2


class Hold:
    """Holds the most that the call can cost. A call that costs nothing needs no hold.

    Raises a final ``StepError``: ``unpriced_model``, ``run_budget_exceeded``, ``budget_exceeded``; ``canceled`` when
    its run has ended; ``NoRoom`` for a budget that wants the call stepped down; ``Deferred`` while no money can be
    held, and for a budget whose next window the call should wait for.
    """

    def __init__(
        self,
        prices: PriceSource,
        holds: Holds,
        clock: Clock,
        aborts: Cancellations,
        *,
        ttl_ms: int,
        assert_every_s: float,
    ) -> None:
        self._prices = prices
        self._holds = holds
        self._clock = clock
        self._aborts = aborts
        self._ttl_ms = ttl_ms
        self._every_s = assert_every_s

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        request, reserved = await self.reserve(call)
        call.ledger.waited("hold", request.at_ms, self._clock.now_ms())
        if request.estimate_nano == 0:
            return await proceed(structs.replace(call, reserved=reserved))
        # A hold that is not asserted ends, and its call is presumed: all that follows is done while it is.
        async with kept(lambda: self._reassert(request), self._every_s, self._clock, f"the hold of {call.call_id}"):
            return await proceed(structs.replace(call, reserved=reserved))

    async def reserve(self, call: Call, way: Served | None = None) -> tuple[HoldRequest, Reserved]:
        """Hold the most that the call can cost, once, however often; ``way`` is how it surely is served."""
        self._aborts.check(call.cancel_key)
        request = self._request(call, way)
        _check_cap(request)
        if request.estimate_nano == 0:
            return request, Reserved(0, request.at_ms, request.price_version, priced_as=request.priced_as)
        held = await self._held(request)
        version, stand_in = request.price_version, request.priced_as
        reserved = Reserved(held.amount_nano, held.booked_at_ms, version, held.counters, stand_in)
        return replace(request, counters=held.counters), reserved

    def _request(self, call: Call, way: Served | None) -> HoldRequest:
        provider, model = call.route
        at_ms, origin = self._clock.now_ms(), call.origin
        prices = self._prices.of(call.org_id, at_ms)
        return HoldRequest(
            org_id=call.org_id,
            call_id=call.call_id,
            run_id=origin.run_id,
            step_id=origin.step_id,
            workflow=origin.workflow_name,
            provider=provider,
            model=model,
            estimate_nano=_estimate(prices, call, at_ms, way),
            at_ms=at_ms,
            run_budget_nano=call.cap_nano,
            tags=call.tags,
            price_version=prices.version(provider, model),
            node_id=origin.node_id,
            prompt_name=call.prompt_name,
            can_step_down=tier_below(call) is not None,
            caps=call.caps,
            priced_as=prices.priced_as(provider, model),
        )

    async def _held(self, request: HoldRequest) -> Held:
        match await within_patience(lambda: self._ask(request), self._clock, _no_money_held):
            case Refused() as refused:
                raise _over_budget(refused, request)
            case AlreadySettled():
                raise StepError(
                    "call_settled", f"call {request.call_id} was settled before it was made", retryable=True
                )
            case Held() as held:
                return held

    async def _ask(self, request: HoldRequest) -> Held | Refused | AlreadySettled:
        """Ask for money. Raises ``Unavailable`` while other calls hold what a run's cap has left: it may come back."""
        reply = await self._holds.hold(request)
        if isinstance(reply, Refused) and reply.run_id and reply.spent_nano + request.estimate_nano <= reply.limit_nano:
            raise Unavailable("budgets", "other calls hold what is left of the run's budget", HELD_RETRY_S)
        return reply

    async def _reassert(self, request: HoldRequest) -> bool:
        return await self._holds.reassert(request, self._clock.now_ms() + self._ttl_ms)


def _estimate(prices: Prices, call: Call, at_ms: int, way: Served | None) -> int:
    provider, model = call.route
    most, absent = call.content.max_tokens, _absent(call.content)
    ways = {(), asked_ways(call.content.options.get(provider, {}))} if way is None else {way}
    return max(prices.estimate(provider, model, call.input_tokens, most, at_ms, absent, served) for served in ways)


def asked_ways(options: Mapping[str, Any]) -> Served:
    """Return how a call asks to be served; one that leaves it to its account may get the dearest."""
    given = (
        (name, str(options[name]).lower()) for name in ("service_tier", "speed", "inference_geo") if name in options
    )
    return tuple((name, "priority" if how == "auto" else how) for name, how in given)


def _absent(content: Content) -> frozenset[str]:
    """Return the kinds of usage that a call cannot lead to: media that are not in it, writes that it does not ask for.

    What a provider caches by itself is not among them.
    """
    absent = AUDIO_INPUT | VIDEO_INPUT
    if content.prompt_cache != "1h":
        absent |= LONG_WRITES
    return absent if content.pictures else absent | IMAGE_INPUT


def _no_money_held(exc: TryLater) -> str:
    dependency = exc.dependency if isinstance(exc, Unavailable) else "budgets"
    return f"{dependency} unavailable, no money held"


def _check_cap(request: HoldRequest) -> None:
    cap_nano = request.run_budget_nano
    if cap_nano is not None and request.estimate_nano > cap_nano:
        raise _over_cap(cap_nano, request, request.run_id)


def _over_cap(left_nano: int, request: HoldRequest, run_id: str) -> StepError:
    """Return the refusal of the cap of a run: the call's own or, of a child, one that started it."""
    left, needed = usd(left_nano), usd(request.estimate_nano)
    whose = "the run's budget" if run_id == request.run_id else f"the budget of run {run_id}, which started this one,"
    kind = NoRoom if request.can_step_down else StepError
    return kind(
        "run_budget_exceeded",
        f"this call may cost {needed} USD and {whose} has {left} USD left; submit with a higher budget_cents",
        details={"budget": "run", "budget_run_id": run_id, "limit_left_usd": left, "estimate_usd": needed},
    )


def _over_budget(refused: Refused, request: HoldRequest) -> StepError | Deferred:
    if refused.run_id:
        left_nano = max(0, refused.limit_nano - refused.spent_nano - refused.held_nano)
        return _over_cap(left_nano, request, refused.run_id)
    if refused.policy == "wait" and refused.opens_at_ms is not None and request.estimate_nano <= refused.limit_nano:
        wait_s = (refused.opens_at_ms - request.at_ms) / 1000
        return Deferred(min(max(wait_s, 1.0), MOST_WAIT_S), f"budget {refused.budget_name}")
    details = {
        "budget_id": refused.budget_id,
        "budget": refused.budget_name,
        "limit_usd": usd(refused.limit_nano),
        "spent_usd": usd(refused.spent_nano),
        "held_usd": usd(refused.held_nano),
        "estimate_usd": usd(request.estimate_nano),
        "opens_at": _time(refused.opens_at_ms),
    }
    kind = NoRoom if refused.policy == "step_down" else StepError
    return kind(
        "budget_exceeded",
        f"budget {refused.budget_name!r} of {details['limit_usd']} USD has no room for {details['estimate_usd']} USD "
        f"({details['spent_usd']} spent, {details['held_usd']} held); it opens again: {details['opens_at']}",
        details=details,
    )


def _time(at_ms: int | None) -> str:
    return "never" if at_ms is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))
