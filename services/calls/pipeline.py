"""One ``llm`` step: prompt, cache, route, hold, call, settlement.

An attempt makes at most one call. A call that costs money is in the log as started before the provider is asked, so
that its hold outlives Redis and this worker. It is settled here, in every way that a call can end:

- it gave an answer: its actual cost;
- it surely did not happen (refused, rate limited, failed at the provider): nothing, which is a settlement, too;
- nobody knows (a timeout, a broken connection, a run that ended meanwhile): the estimate, presumed, which an actual
  settlement would replace.

A settlement releases the hold. Who does not live to settle leaves it to the hold's end.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from connectors.aio.keep_alive import kept
from connectors.aio.retry import until_available
from connectors.ports.engine import Clock
from connectors.providers.base import ModelRequest, ModelResponse, Provider
from connectors.providers.conversation import weight
from connectors.providers.images import ImageInput
from connectors.redis.claims import Granted
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, Refused
from connectors.redis.response_cache import CachedAnswer, CacheKey
from schemas.errors import StepError, Unavailable
from schemas.money import usd
from schemas.records.base import Json, Usage
from schemas.records.money import CallOutcome, CostEvent, ProviderCall
from schemas.records.steps import LlmCall, StepRequest
from schemas.spec.references import MissingVariable, render
from services.calls.cancellation import Cancellations
from services.calls.capture import captured
from services.calls.ledger import Deferred, Ledger
from services.calls.ports import Announce, Holds, Objects, Prices, ResponseCache, Routes
from services.calls.timeouts import MODEL_TIMEOUT_S, limited, timeout_s
from services.calls.transcript import Transcript

#: A longer wait goes back to the orchestrator, so that it keeps no slot of the worker.
PATIENCE_S = 2.0

#: How much longer than the step's limit a provider is told that it may take.
PROVIDER_GRACE_S = 1.0

_OUTCOMES: Mapping[str, CallOutcome] = {
    "rate_limited": "rate_limited",
    "timeout": "timeout",
    "provider_timeout": "timeout",
}


@dataclass(frozen=True, slots=True)
class ModelPorts:
    """What model calls need of the world.

    ``hold_ttl_ms`` is how long a hold lasts unless asserted again. It is asserted every third of ``lease_ms``, the
    claims' lease, since that is how soon a budgets table that was lost must know of every call that lives. ``aborts``
    breaks calls off.
    """

    providers: Mapping[str, Provider]
    routes: Routes
    prices: Prices
    holds: Holds
    announce: Announce
    cache: ResponseCache
    objects: Objects
    clock: Clock
    aborts: Cancellations
    hold_ttl_ms: int
    lease_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that may be made: where, with what, and what it may cost."""

    request: StepRequest
    provider: Provider
    question: ModelRequest
    hold: HoldRequest
    ledger: Ledger


class ModelCalls:
    """Makes the calls of ``llm`` steps."""

    def __init__(self, ports: ModelPorts) -> None:
        self._ports = ports
        self._clock = ports.clock

    async def turn(
        self,
        request: StepRequest,
        talk: Transcript,
        args: dict[str, Json],
        granted: Granted,
        ledger: Ledger,
        pictures: tuple[ImageInput, ...] = (),
    ) -> ModelResponse:
        """Return what a model says in an agent's turn. Raises as ``answer`` does."""
        provider_name, model = self._ports.routes.choose(request.tier, talk.call.provider, talk.call.model)
        ledger.provider, ledger.model = provider_name, model
        prompt = _prompt(talk.call, args)
        call = self._plan(request, talk.call, prompt, granted, ledger, talk, pictures)
        return await self._make(call, await self._hold(call))

    async def answer(
        self,
        request: StepRequest,
        work: LlmCall,
        args: dict[str, Json],
        granted: Granted,
        ledger: Ledger,
        pictures: tuple[ImageInput, ...] = (),
    ) -> str:
        """Return the model's answer and book in ``ledger`` what was done for it.

        Raises ``StepError``, and ``Deferred`` when the call must wait for more than ``PATIENCE_S``.
        """
        provider_name, model = self._ports.routes.choose(request.tier, work.provider, work.model)
        ledger.provider, ledger.model = provider_name, model
        prompt = _prompt(work, args)
        seen = tuple(picture.sha256 for picture in pictures) if work.cache else ()
        key = CacheKey(request.org_id, provider_name, model, prompt, work.max_tokens, work.temperature, seen)
        if work.cache and (earlier := await self._earlier(key)) is not None:
            ledger.finish_reason = earlier.finish_reason
            ledger.add(self._cached_call(request, key, granted), None)
            return earlier.text
        self._ports.aborts.check(request)
        call = self._plan(request, work, prompt, granted, ledger, pictures=pictures)
        held = await self._hold(call)
        response = await self._make(call, held)
        if work.cache:
            await self._keep(key, CachedAnswer(response.text, response.usage, response.finish_reason))
        return response.text

    def _plan(
        self,
        request: StepRequest,
        work: LlmCall,
        prompt: str,
        granted: Granted,
        ledger: Ledger,
        talk: Transcript | None = None,
        pictures: tuple[ImageInput, ...] = (),
    ) -> _Call:
        name, model = str(ledger.provider), str(ledger.model)
        provider = self._provider(name)
        at_ms = self._clock.now_ms()
        tokens = provider.count_tokens(model, prompt if talk is None else weight(prompt, talk.tools, talk.turns))
        if pictures:
            tokens += self._picture_tokens(provider, model, pictures)
        hold = HoldRequest(
            org_id=request.org_id,
            call_id=granted.call_id,
            run_id=request.run_id,
            step_id=request.step_id,
            workflow=request.workflow_name,
            provider=name,
            model=model,
            estimate_nano=self._ports.prices.estimate(name, model, tokens, work.max_tokens, at_ms),
            at_ms=at_ms,
            run_budget_nano=request.run_budget_nano,
            tags=request.tags,
            price_version=self._ports.prices.version(name, model),
        )
        question = ModelRequest(
            model=model,
            prompt=prompt,
            max_tokens=work.max_tokens,
            idempotency_key=request.request_id,
            temperature=work.temperature,
            # The provider's own limit is the later one, so that a timeout is always ours.
            timeout_s=timeout_s(request, MODEL_TIMEOUT_S) + PROVIDER_GRACE_S,
            tools=() if talk is None else talk.tools,
            turns=() if talk is None else talk.turns,
            pictures=pictures,
        )
        return _Call(request, provider, question, hold, ledger)

    def _picture_tokens(self, provider: Provider, model: str, pictures: tuple[ImageInput, ...]) -> int:
        told = self._ports.prices.picture_tokens(provider.name, model)
        return provider.picture_tokens(model, pictures) if told is None else told * len(pictures)

    def _provider(self, name: str) -> Provider:
        provider = self._ports.providers.get(name)
        if provider is None:
            known = ", ".join(sorted(self._ports.providers)) or "none"
            raise StepError(
                "unknown_provider",
                f"this worker has no provider {name!r} (it has: {known}); configure it or pin one",
            )
        return provider

    async def _hold(self, call: _Call) -> Held:
        """Reserve the estimate. A call that costs nothing needs no hold and asks nobody."""
        hold = call.hold
        if hold.run_budget_nano is not None and hold.estimate_nano > hold.run_budget_nano:
            raise _over_run_budget(hold)
        if hold.estimate_nano == 0:
            return Held(hold.at_ms, 0)
        match await self._ask_hold(hold):
            case Refused() as refused:
                raise _over_budget(refused, hold)
            case AlreadySettled():
                raise StepError("call_settled", f"call {hold.call_id} was settled before it was made", retryable=True)
            case Held() as held:
                return held

    async def _ask_hold(self, hold: HoldRequest) -> Held | Refused | AlreadySettled:
        deadline_ms = self._clock.now_ms() + PATIENCE_S * 1000
        while True:
            try:
                return await self._ports.holds.hold(hold)
            except Unavailable as exc:
                wait_s = max(exc.retry_after_s, 0.05)
                if self._clock.now_ms() + wait_s * 1000 > deadline_ms:
                    raise Deferred(max(wait_s, PATIENCE_S), f"{exc.dependency} unavailable, no money held") from exc
            await self._clock.sleep(wait_s)

    async def _make(self, call: _Call, held: Held) -> ModelResponse:
        started_ms, began = self._clock.now_ms(), time.perf_counter()
        ports, limit_s = self._ports, timeout_s(call.request, MODEL_TIMEOUT_S)
        what = f"the answer of {call.hold.provider}/{call.hold.model}"

        async def reassert() -> bool:
            expires_at_ms = self._clock.now_ms() + ports.hold_ttl_ms
            return held.amount_nano == 0 or await ports.holds.reassert(call.hold, expires_at_ms)

        try:
            async with kept(reassert, ports.lease_ms / 3000, self._clock, f"the hold of {call.hold.call_id}"):
                await self._announce(call, held)
                async with ports.aborts.breakable(call.request):
                    response = await limited(call.provider.complete(call.question), limit_s, what)
        except Exception as exc:
            latency_ms = (time.perf_counter() - began) * 1000
            await self._settle_failure(call, held, _as_step_error(exc), started_ms, latency_ms)
            raise
        latency_ms = (time.perf_counter() - began) * 1000
        await self._settle_answer(call, held, response, started_ms, latency_ms)
        return response

    async def _announce(self, call: _Call, held: Held) -> None:
        """Let the log know of the call before anybody is asked. One that costs nothing it need not know."""
        if held.amount_nano:
            expires_at_ms = self._clock.now_ms() + self._ports.hold_ttl_ms
            await self._ports.announce(_held(call, held).started(expires_at_ms))

    async def _settle_answer(
        self, call: _Call, held: Held, response: ModelResponse, started_ms: int, latency_ms: float
    ) -> None:
        hold, ledger = call.hold, call.ledger
        ledger.finish_reason = response.finish_reason
        cost = self._ports.prices.cost(hold.provider, hold.model, response.usage, held.booked_at_ms)
        settlement = _settlement(call, held, cost, response.usage)
        record = await self._record(call, "ok", started_ms, latency_ms, response.sent, response.received)
        ledger.add(structs.replace(record, usage=response.usage, cost_nano=cost), settlement)

    async def _settle_failure(
        self, call: _Call, held: Held, error: StepError, started_ms: int, latency_ms: float
    ) -> None:
        outcome = _OUTCOMES.get(error.code, "unknown" if error.details.get("outcome") == "unknown" else "error")
        unknown = outcome in ("timeout", "unknown") and held.amount_nano > 0
        settlement = _presumed(call, held) if unknown else _settlement(call, held, 0, Usage())
        record = await self._record(call, outcome, started_ms, latency_ms, _asked(call.question), _said(error))
        cost = held.amount_nano if unknown else 0
        call.ledger.add(structs.replace(record, error_code=error.code, cost_nano=cost), settlement)

    async def _record(
        self, call: _Call, outcome: CallOutcome, started_ms: int, latency_ms: float, sent: Json, received: Json
    ) -> ProviderCall:
        request, hold, objects = call.request, call.hold, self._ports.objects
        org_id, capture = request.org_id, request.capture
        return ProviderCall(
            call_id=hold.call_id,
            request_id=request.request_id,
            org_id=org_id,
            run_id=request.run_id,
            step_id=request.step_id,
            attempt=request.attempt,
            workflow_name=request.workflow_name,
            provider=hold.provider,
            model=hold.model,
            outcome=outcome,
            price_version=hold.price_version,
            started_at_ms=started_ms,
            latency_ms=latency_ms,
            idempotency_key=call.question.idempotency_key,
            capture=capture,
            request=await until_available(lambda: captured(objects, org_id, capture, sent), self._clock),
            response=await until_available(lambda: captured(objects, org_id, capture, received), self._clock),
        )

    def _cached_call(self, request: StepRequest, key: CacheKey, granted: Granted) -> ProviderCall:
        return ProviderCall(
            call_id=granted.call_id,
            request_id=request.request_id,
            org_id=request.org_id,
            run_id=request.run_id,
            step_id=request.step_id,
            attempt=request.attempt,
            workflow_name=request.workflow_name,
            provider=key.provider,
            model=key.model,
            outcome="ok",
            cached=True,
            started_at_ms=self._clock.now_ms(),
            latency_ms=0.0,
            idempotency_key=request.request_id,
            capture=request.capture,
        )

    async def _earlier(self, key: CacheKey) -> CachedAnswer | None:
        try:
            return await self._ports.cache.get(key)
        except Unavailable:
            return None

    async def _keep(self, key: CacheKey, answer: CachedAnswer) -> None:
        try:
            await self._ports.cache.put(key, answer)
        except Unavailable:
            return


def _prompt(work: LlmCall, args: dict[str, Json]) -> str:
    try:
        return render(work.template, args)
    except MissingVariable as exc:
        raise StepError("missing_variable", f"prompt {work.prompt_name}@{work.prompt_version}: {exc}") from exc


def _as_step_error(exc: Exception) -> StepError:
    """Return a failure that no provider named as one of which nobody knows whether the call was made."""
    if isinstance(exc, StepError):
        return exc
    return StepError("exception", f"{type(exc).__name__}: {exc}", retryable=True, details={"outcome": "unknown"})


def _settlement(call: _Call, held: Held, amount_nano: int, usage: Usage) -> CostEvent | None:
    """Return what the call did cost; nothing of one that costs nothing and was never announced."""
    if not (amount_nano or held.amount_nano):
        return None
    presumed = _presumed(call, held)
    return structs.replace(presumed, kind="actual", amount_nano=amount_nano, usage=usage)


def _presumed(call: _Call, held: Held) -> CostEvent:
    return _held(call, held).started(0).presumed()


def _held(call: _Call, held: Held) -> HoldRequest:
    return replace(call.hold, at_ms=held.booked_at_ms, estimate_nano=held.amount_nano)


def _asked(question: ModelRequest) -> dict[str, Json]:
    """Return the request in our words, for a call whose exact body nobody returned."""
    asked: dict[str, Json] = {
        "model": question.model,
        "prompt": question.prompt,
        "max_tokens": question.max_tokens,
    }
    return asked if question.temperature is None else asked | {"temperature": question.temperature}


def _said(error: StepError) -> dict[str, Json]:
    return {"error": {"code": error.code, "message": str(error)}}


def _over_run_budget(hold: HoldRequest) -> StepError:
    left, needed = usd(hold.run_budget_nano or 0), usd(hold.estimate_nano)
    return StepError(
        "run_budget_exceeded",
        f"this call may cost {needed} USD and the run's budget has {left} USD left; submit with a higher budget_cents",
        details={"budget": "run", "limit_left_usd": left, "estimate_usd": needed},
    )


def _over_budget(refused: Refused, hold: HoldRequest) -> StepError:
    details = {
        "budget_id": refused.budget_id,
        "budget": refused.budget_name,
        "limit_usd": usd(refused.limit_nano),
        "spent_usd": usd(refused.spent_nano),
        "held_usd": usd(refused.held_nano),
        "estimate_usd": usd(hold.estimate_nano),
        "opens_at": _time(refused.opens_at_ms),
    }
    return StepError(
        "budget_exceeded",
        f"budget {refused.budget_name!r} of {details['limit_usd']} USD has no room for {details['estimate_usd']} USD "
        f"({details['spent_usd']} spent, {details['held_usd']} held); it opens again: {details['opens_at']}",
        details=details,
    )


def _time(at_ms: int | None) -> str:
    return "never" if at_ms is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))
