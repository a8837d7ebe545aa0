"""Step 3: an earlier answer to the same content stands in for the call, where the caller allows it.

Calls that ask the same at once are made once (``services.caching.flights``). The stage comes before money is held, so
those that wait hold none. A stale answer is given to all while one call makes the new one, and to that call, too, when
it fails; the call is booked as it ended.
"""

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Literal

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from connectors.redis.response_cache import Hit, Keep, Lookup, Near
from schemas.errors import BadRecord, InvalidInput, StepError, Unavailable
from schemas.labels.label import UNLABELLED
from schemas.metrics import CACHE_MISSES_TOTAL
from schemas.metrics.fields import counter_field
from services.caching.entry import CachedAnswer, decoded
from services.caching.flights import Flight, Flights
from services.caching.key import digest_of
from services.caching.policy import NEGATIVE, PLAIN, REFUSALS, ttl_s
from services.caching.ports import CachePorts
from services.caching.scopes import marks_of, scopes_of
from services.caching.semantic import Question, Semantics
from services.calls.answers.streamed import deliver
from services.calls.cache_question import asked_of, question_of
from services.calls.call import UNROUTED, Answer, Call, Proceed
from services.calls.call_spans import call_span
from services.calls.cancellation import Cancellations
from services.calls.records import provider_call
from services.calls.stages.route import routed
from services.routing.router import Router
from services.security.enforcement.reading import read_by

#: After these a stale answer does not stand in: it is refused now, or nobody waits for it.
_NO_STALE = NEGATIVE | {"canceled"}

#: Those that wait for a call look again within a quarter of a second.
FALLBACK_MS = 2_000

Kind = Literal["exact", "stale", "negative", "semantic"]


class Cache:
    """Looks for an earlier answer, and stores the new one. While the store is down, calls do without."""

    def __init__(self, ports: CachePorts, router: Router, clock: Clock, aborts: Cancellations) -> None:
        self._flights = Flights(ports.store, clock)
        self._ports = ports
        self._ttls = ports.ttls
        self._router = router
        self._clock = clock
        self._aborts = aborts

    @cached_property
    def _semantics(self) -> Semantics | None:
        """What finds texts that mean the same; made when the first call wants it, since the model takes memory."""
        embedder = self._ports.embedder()
        return None if embedder is None else Semantics(self._ports.store, embedder)

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        # An answer about a person must not outlive that person's key, nor reach another run.
        if not self._ports.enabled or not call.content.cache or call.operation != "chat" or call.subject:
            return await proceed(call)
        # The key names the model, so this call is routed here and not by the stage after this one.
        call = await routed(self._router, call)
        try:
            lookup = await _lookup(call)
        except StepError:
            # Without the vault's key no answer can be found, nor kept.
            return await proceed(call)
        since_ms = self._clock.now_ms()
        async with self._aborts.breakable(call.cancel_key):
            entered = await self._flights.enter(lookup, call.timeout_s)
        call.ledger.waited("cache", since_ms, self._clock.now_ms())
        if entered is None:
            return await proceed(call)
        if isinstance(entered, Hit):
            return await self._stand_in(call, entered)
        return await self._led(call, entered, proceed)

    async def _led(self, call: Call, flight: Flight, proceed: Proceed) -> Answer:
        async with self._flights.leading(flight):
            alike = await self._alike(call, flight)
            if alike is not None:
                return await self._stand_in(call, alike, "semantic")
            provider, model = call.route
            call.ledger.counts[counter_field(CACHE_MISSES_TOTAL, (("provider", provider), ("model", model)))] += 1
            try:
                answer = await proceed(call)
            except StepError as exc:
                if flight.stale is not None and exc.code not in _NO_STALE and "streamed" not in exc.details:
                    return await self._stand_in(call, flight.stale)
                await self._keep_refusal(call, flight, exc)
                raise
            await self._keep(call, flight, answer)
            return answer

    async def _alike(self, call: Call, flight: Flight) -> Hit | None:
        """Return the answer to a prompt that means the same, which ends the flight."""
        if (found := self._compared(call)) is None:
            return None
        semantics, question = found
        with suppress(Unavailable):
            digest = await semantics.find(question)
            if digest is not None:
                return await self._flights.instead(flight, digest)
        return None

    async def _near(self, call: Call) -> Near | None:
        if (found := self._compared(call)) is None:
            return None
        semantics, question = found
        if not await _may_be_kept(call, question.text):
            return None
        with suppress(Unavailable):
            return await semantics.near(question)
        return None

    def _compared(self, call: Call) -> tuple[Semantics, Question] | None:
        """Return what to compare and with what; ``None`` for a call that is not compared, or without a model."""
        question = question_of(call)
        return None if question is None or self._semantics is None else (self._semantics, question)

    async def _keep(self, call: Call, flight: Flight, answer: Answer) -> None:
        wish = call.content.cache_wish or PLAIN
        try:
            response = await _private(call, answer.response)
            other = None if answer.route in (UNROUTED, call.route) else structs.replace(call, route=answer.route)
            beside = None if other is None else await _lookup(other)
        except StepError:
            # What cannot be redacted is not kept.
            return
        body = CachedAnswer.of(response, call.call_id, _label(call)).encoded()
        ms = ttl_s(wish, call.tier, self._ttls) * 1000
        is_refusal = response.finish_reason in REFUSALS
        keep = _kept(call, min(ms, wish.negative_s * 1000)) if is_refusal else _kept(call, ms, wish.stale_s * 1000)
        if other is not None and beside is not None:
            # A fallback is another model's answer: it is kept as such, and will do for those that wait for this one.
            await self._land(flight, body, replace(keep, ttl_ms=min(keep.ttl_ms, FALLBACK_MS), stale_ms=0))
            call, flight = other, self._flights.beside(flight, beside)
        near = None if is_refusal else await self._near(call)
        await self._land(flight, body, replace(keep, near=near))

    async def _keep_refusal(self, call: Call, flight: Flight, error: StepError) -> None:
        if error.code in NEGATIVE and not error.retryable:
            refusal = CachedAnswer(error_code=error.code, error=str(error), call_id=call.call_id)
            ms = (call.content.cache_wish or PLAIN).negative_s * 1000
            await self._land(flight, refusal.encoded(), _kept(call, ms))

    async def _land(self, flight: Flight, body: bytes, keep: Keep) -> None:
        if keep.ttl_ms:
            await self._flights.land(flight, body, keep)

    async def _stand_in(self, call: Call, hit: Hit, kind: Kind = "exact") -> Answer:
        earlier = decoded(hit.body)
        if call.security is not None:
            # An answer of which nothing is known is the least trusted.
            call.ledger.labels = earlier.labels or UNLABELLED.words
        if earlier.error_code:
            kind = "negative"
        elif kind == "exact" and hit.kind == "stale":
            kind = "stale"
        await deliver(call.on_delta, earlier.text)
        call.ledger.finish_reason = None if earlier.error_code else earlier.finish_reason
        record = provider_call(call, "error" if earlier.error_code else "ok", self._clock.now_ms(), 0.0)
        record = structs.replace(
            record,
            cached=True,
            cache_kind=kind,
            saved_nano=hit.saved_nano,
            error_code=earlier.error_code or None,
        )
        response = None if earlier.error_code else earlier.response()
        call.ledger.add(record, None, call_span(call, record, response))
        return Answer(response=response or earlier.response(), cached=True)


def _label(call: Call) -> list[str]:
    """Return the label of all that an answer is made of, as words. Where it cannot be read, nothing is known."""
    try:
        return [] if call.security is None else read_by(call.security).words
    except (BadRecord, InvalidInput):
        return []


async def _private(call: Call, response: ModelResponse) -> ModelResponse:
    """Return an answer as it may be kept. Raises ``StepError``."""
    return response if call.private is None else await call.private.response(response, "cache", call.ledger)


async def _may_be_kept(call: Call, text: str) -> bool:
    """Return whether a question's text, which is stored to be compared, may be in the cache as it is."""
    if call.private is None:
        return True
    try:
        kept: str = (await call.private.at("cache", text, call.ledger, point="model_call")).value
    except StepError:
        return False
    return kept == text


async def _lookup(call: Call) -> Lookup:
    """Return what to look for. Raises ``StepError`` where its key needs a vault that is down."""
    digest = digest_of(asked_of(call))
    if call.private is not None:
        digest = await call.private.cache_key(digest)
    return Lookup(call.org_id, digest, call.call_id, _scopes(call))


def _kept(call: Call, ttl_ms: int, stale_ms: int = 0) -> Keep:
    wish = call.content.cache_wish or PLAIN
    return Keep(
        ttl_ms=ttl_ms,
        stale_ms=stale_ms,
        saved_nano=_paid(call),
        marks=_marks(call),
        space=wish.space,
        space_bytes=wish.max_bytes,
    )


def _paid(call: Call) -> int:
    """Return the cost of the call that gave the answer: the last one that was made."""
    made = (one.cost_nano for one in reversed(call.ledger.calls) if not one.cached and one.outcome == "ok")
    return next(made, 0)


def _scopes(call: Call) -> tuple[str, ...]:
    template = call.content.template
    return scopes_of("/".join(call.route), call.origin.workflow_name, template.name if template else "")


def _marks(call: Call) -> tuple[str, ...]:
    template = call.content.template
    return marks_of(template.name, template.version, call.tags) if template else marks_of("", 0, call.tags)
