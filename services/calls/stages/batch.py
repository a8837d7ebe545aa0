"""Before step 5: a call that may wait goes to its provider as a part of a batch, at the price of one.

The call of an attempt is one call, by the attempt's id, however often its request is delivered: it is stored before
its money is held, and its step is deferred until the answer is there. ``services.batches`` sends it, and has the crash
points of all of it. Its answer passes ``settle``, ``check_output`` and ``guard_output`` as any other.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.base import ModelRequest
from connectors.providers.batching.port import BatchService
from schemas.batches import BATCH_HOLD_MS, BATCH_SERVED, BatchItem, Question, Wake, batch_call_id, to_error
from schemas.errors import StepError, TryLater, Unavailable
from schemas.records.base import Json
from schemas.values.json_text import write_json
from services.calls.call import Answer, Call, Proceed, Reserved, Stage
from services.calls.counts import OVER_MAX
from services.calls.ports import Announce, Batching, Objects
from services.calls.records import call_started
from services.calls.stages.hold import Hold
from services.calls.timeouts import Deferred, within_patience
from services.routing.router import Route

_T = TypeVar("_T")

#: A step that waits is woken when its answer is there; it comes back by itself after this, later and later.
WAIT_S, LONGEST_WAIT_S = 60.0, 900.0


class _Problem(NamedTuple):
    """Why a call does not go by batch, and what to do."""

    code: str
    fix: str


class Batch:
    """Sends a call by batch where its node wants that and its time allows it.

    ``way_back`` are the stages that its answer passes, outermost first. Raises ``Deferred`` while the call waits, and
    a final ``StepError`` of a call that may go in no other way: ``batch_unavailable``, ``batch_expired``; and what the
    provider failed it with.
    """

    def __init__(
        self,
        batching: Batching | None,
        hold: Hold,
        way_back: Sequence[Stage],
        announce: Announce,
        objects: Objects,
        clock: Clock,
    ) -> None:
        self._batching = batching
        self._hold = hold
        self._way_back = way_back
        self._announce = announce
        self._objects = objects
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.content.batch == "never":
            return await proceed(call)
        batching = self._batching
        # A batch keeps what it sends and gets until it is over, which may be after an erasure.
        if batching is None or call.trial.number or not call.origin.run_id or call.subject:
            return await _otherwise(call, proceed, _UNAVAILABLE)
        call_id = batch_call_id(call.origin.request_id)
        item = await self._stored(lambda: batching.calls.find(call_id))
        if item is None or item.state == "new":
            service = batching.services.get(call.route.provider)
            if service is None or not _may_wait(call, batching):
                return await _otherwise(call, proceed, _UNAVAILABLE)
            await self._enqueue(structs.replace(call, call_id=call_id), batching, service, item)
        elif item.state in ("ready", "batched"):
            await self._stored(lambda: batching.calls.waits(call_id, call.origin.deferral + 1))
            raise _waiting(call)
        elif item.state in ("answered", "failed"):
            return await self._answered(call, batching, item)
        return await _otherwise(call, proceed, _EXPIRED)

    async def _enqueue(self, call: Call, batching: Batching, service: BatchService, item: BatchItem | None) -> None:
        """Do what is left until the call is ready, and raise ``Deferred``; return if it was canceled meanwhile."""
        calls, reached = batching.calls, batching.reached
        if item is None:
            new = await self._new(call, batching, service)
            await self._stored(lambda: calls.add(new))
            reached("stored")
        try:
            _, reserved = await self._hold.reserve(call, BATCH_SERVED)
        except (Deferred, StepError):
            # An earlier delivery may have held its money.
            if item is None:
                await self._stored(lambda: calls.remove(call.call_id))
            raise
        reached("held")
        started = call_started(structs.replace(call, reserved=reserved), self._clock.now_ms() + BATCH_HOLD_MS)
        if reserved.amount_nano:
            await self._announce(started)
        reached("announced")
        deferral = call.origin.deferral + 1
        is_ready = await self._stored(lambda: calls.make_ready(call.call_id, started, deferral, self._clock.now_ms()))
        reached("ready")
        if is_ready:
            raise _waiting(call)

    async def _new(self, call: Call, batching: Batching, service: BatchService) -> BatchItem:
        origin, now_ms = call.origin, self._clock.now_ms()
        path, body = service.question(_request(call))
        payload = await self._stored(lambda: self._objects.to_payload(call.org_id, body))
        name_of = batching.key_name
        key_name = "" if name_of is None else await self._stored(lambda: name_of(call.org_id, call.route.provider))
        return BatchItem(
            call_id=call.call_id,
            mode=call.content.batch,
            key_name=key_name,
            # Nothing is held yet: as it is when the call is not sent after all.
            started=call_started(structs.replace(call, reserved=Reserved(0, now_ms)), 0),
            wake=Wake(run_id=origin.run_id, step_id=origin.step_id, attempt=origin.attempt, deferral=0),
            question=Question(
                path=path,
                body=payload,
                size=_size(body),
                input_tokens=call.input_tokens,
                max_tokens=call.content.max_tokens,
            ),
            ends_with=call.cancel_key or "",
            created_ms=now_ms,
        )

    async def _answered(self, call: Call, batching: Batching, item: BatchItem) -> Answer:
        """Return the answer of a batch, or raise what the call failed with; either is booked as it was settled."""
        started = item.started
        reserved = Reserved(
            started.amount_nano,
            started.booked_at_ms,
            started.price_version,
            tuple(started.counters),
            started.priced_as,
        )
        route = Route(started.provider, started.model)
        one = structs.replace(
            call, call_id=item.call_id, route=route, reserved=reserved, input_tokens=item.question.input_tokens
        )
        call.ledger.provider, call.ledger.model = route
        found = await self._found(one, batching, item)

        async def proceed(_: Call) -> Answer:
            if isinstance(found, StepError):
                raise found
            return structs.replace(found, at_s=time.perf_counter())

        whole: Proceed = proceed
        for stage in reversed(self._way_back):
            whole = partial(stage, proceed=whole)
        try:
            return structs.replace(await whole(one), route=route)
        finally:
            with suppress(Unavailable):  # its step is woken once more, and finds the same
                await batching.calls.take(item.call_id)
            batching.reached("taken")

    async def _found(self, call: Call, batching: Batching, item: BatchItem) -> Answer | StepError:
        result, service = item.result, batching.services.get(call.route.provider)
        if result is None or result.error is not None or result.answer is None:
            return _LOST if result is None or result.error is None else to_error(result.error)
        if service is None:
            return StepError("unknown_provider", f"there is no batch API of {call.route.provider!r} here any more")
        payload, request = result.answer, _request(call)
        body: Json = await self._stored(lambda: self._objects.resolve(call.org_id, payload))
        response = service.answer(request, service.question(request)[1], body, item.question.input_tokens)
        notes = tuple(note for note in result.notes if note != OVER_MAX)
        response = replace(response, usage=result.usage, served=result.served, notes=notes)
        return Answer(response=response, blocked=response.problem)

    async def _stored(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        return await within_patience(ask, self._clock, _why)


_UNAVAILABLE = _Problem(
    "batch_unavailable",
    fix="its worker needs BATCHES=true, and its provider a batch API (openai, anthropic); or set policy.batch to auto",
)
_EXPIRED = _Problem(
    "batch_expired",
    fix="its batch expired or was canceled; submit again, or set policy.batch to auto, which makes the call then",
)
_LOST = StepError("batch_lost", "what became of the call is not stored; submit again", details={"outcome": "unknown"})


async def _otherwise(call: Call, proceed: Proceed, problem: _Problem) -> Answer:
    """Make the call at once, unless it may only go by batch."""
    if call.content.batch == "only":
        raise StepError(problem.code, f"this call may go by batch only, and cannot: {problem.fix}")
    return await proceed(call)


def _may_wait(call: Call, batching: Batching) -> bool:
    if call.delivers or call.operation != "chat":
        return False
    return call.content.batch == "only" or call.sla_ms is None or call.sla_ms >= batching.least_sla_ms


def _waiting(call: Call) -> Deferred:
    wait_s = min(WAIT_S * 2 ** min(call.origin.deferral, 8), LONGEST_WAIT_S)
    return Deferred(wait_s, f"batch {call.route.provider}/{call.route.model}")


def _request(call: Call) -> ModelRequest:
    return call.content.request(call.route.model, call.idempotency_key, 0, call.origin.attempt)


def _size(body: Json) -> int:
    return len(write_json(body))


def _why(exc: TryLater) -> str:
    return f"{exc.dependency} unavailable, its batch is not known" if isinstance(exc, Unavailable) else str(exc)
