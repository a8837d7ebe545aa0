"""Embeddings that are requested at about the same time go to their provider as one request, and share its bill.

Calls go together that have one organisation, class of data, route, price list, key and options. Each keeps its own
hold, start and settlement. The provider counts the request as a whole: each kind of usage, and the cost, is apportioned
by the bounds of the calls' tokens with the method of the largest remainder, so that the parts are whole numbers whose
sum is the whole, and no part is over its call's bound. A request that is refused for good is made again for each call
alone, since the fault may be one call's; any other failure is that of each of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from connectors.aio.cancel import end
from connectors.ports.engine import Clock
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse, Embeds, Purpose
from schemas.errors import StepError
from schemas.ids import content_hash
from schemas.money import apportioned
from schemas.records.base import USAGE_KINDS, Usage
from services.calls.call import Call
from services.calls.ports import Prices, PriceSource

#: The least of what providers take in one request is 96 texts; a call with more goes alone.
MOST_TEXTS = 96
#: Below the tokens that a request may have.
MOST_BYTES = 200_000

_Key = tuple[str, str, str, str, str, int | None, Purpose | None, SecretStr | None]


@dataclass
class _Asking:
    """One call: what it asks, the bound of its tokens, and where its part of the answer goes."""

    request: EmbeddingRequest
    bound: int
    part: asyncio.Future[EmbeddingResponse]


@dataclass
class _Group:
    """Calls that go together. It is open until it is full or its time is over."""

    route: tuple[str, str]
    prices: Prices
    booked_at_ms: int
    asking: list[_Asking] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    def has_room(self, request: EmbeddingRequest) -> bool:
        """Return whether another request goes with these."""
        texts = [text for one in (*(one.request for one in self.asking), request) for text in one.texts]
        return (
            len(texts) <= MOST_TEXTS and sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) <= MOST_BYTES
        )


class Coalescer:
    """Lets calls wait for others for ``window_ms``, and sends them together."""

    def __init__(self, prices: PriceSource, clock: Clock, window_ms: int) -> None:
        self._prices = prices
        self._clock = clock
        self._window_s = window_ms / 1000
        self._open: dict[_Key, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def embed(self, call: Call, provider: Embeds, request: EmbeddingRequest) -> EmbeddingResponse:
        """Return a call's vectors, its part of the usage and, of a shared bill, of the cost. Raises ``StepError``.

        A caller that goes away leaves the request to the others.
        """
        version, route = call.reserved.price_version, call.route
        key = (call.org_id, call.data_class, *route, version, request.dimensions, request.purpose, request.api_key)
        group = self._open.get(key)
        if group is None or not group.has_room(request):
            if group is not None:
                group.full.set()
            prices = self._prices.booked(call.org_id, version)
            group = self._open[key] = _Group(route, prices, call.reserved.booked_at_ms)
            task = asyncio.create_task(self._sent(key, group, provider), name="embeddings")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        asking = _Asking(request, max(1, call.input_tokens), asyncio.get_running_loop().create_future())
        group.asking.append(asking)
        return await asking.part

    async def close(self) -> None:
        """Break off what is in progress."""
        for task in list(self._tasks):
            await end(task)

    async def _sent(self, key: _Key, group: _Group, provider: Embeds) -> None:
        try:
            await self._clock.wait(group.full, self._window_s)
        finally:
            if self._open.get(key) is group:
                del self._open[key]
        try:
            waiting = [one for one in group.asking if not one.part.done()]
            if waiting:
                await _asked(group, waiting, provider)
        except BaseException as exc:
            _fail(group.asking, exc)
            if not isinstance(exc, Exception):
                raise


async def _asked(group: _Group, asking: Sequence[_Asking], provider: Embeds) -> None:
    try:
        answer = await provider.embed(_together([one.request for one in asking]))
    except StepError as exc:
        if exc.retryable or "outcome" in exc.details or len(asking) == 1:
            raise
        await asyncio.gather(*(_asked_alone(one, provider) for one in asking))
    else:
        _share(group, asking, answer)


def _share(group: _Group, asking: Sequence[_Asking], answer: EmbeddingResponse) -> None:
    """Give each call its vectors, and its parts of usage and cost."""
    if len(asking) == 1:
        _give(asking[0], answer)
        return
    bounds, vectors = [one.bound for one in asking], iter(answer.vectors)
    usages = _usages(answer.usage, bounds)
    tokens = [usage.input_tokens for usage in usages]
    cost = group.prices.cost(*group.route, answer.usage, group.booked_at_ms)
    shares = apportioned(cost, tokens if any(tokens) else bounds)
    for one, usage, nano in zip(asking, usages, shares, strict=True):
        own = tuple(next(vectors) for _ in one.request.texts)
        sent = {"model": one.request.model, "texts": list(one.request.texts), "shared_by": len(asking)}
        notes = (*answer.notes, f"shared:{len(asking)}")
        _give(one, EmbeddingResponse(own, usage, sent, answer.received, notes, nano))


async def _asked_alone(one: _Asking, provider: Embeds) -> None:
    try:
        _give(one, await provider.embed(one.request))
    except Exception as exc:  # noqa: BLE001 - it is raised where the caller waits
        _fail([one], exc)


def _together(requests: Sequence[EmbeddingRequest]) -> EmbeddingRequest:
    """Return the one request of several; its key is the same when the same ones are sent again."""
    if len(requests) == 1:
        return requests[0]
    keys = "\n".join(sorted(one.idempotency_key for one in requests))
    return replace(
        requests[0],
        texts=tuple(text for one in requests for text in one.texts),
        idempotency_key=f"embeddings-{content_hash(keys.encode())[:32]}",
        timeout_s=max(one.timeout_s for one in requests),
        silence_s=max(one.silence_s for one in requests),
    )


def _usages(whole: Usage, bounds: Sequence[int]) -> list[Usage]:
    """Return the parts of a usage, each kind apportioned."""
    kinds = {kind: apportioned(getattr(whole, kind), bounds) for kind in USAGE_KINDS if getattr(whole, kind)}
    return [Usage(**{kind: parts[at] for kind, parts in kinds.items()}) for at in range(len(bounds))]


def _give(one: _Asking, answer: EmbeddingResponse) -> None:
    if not one.part.done():
        one.part.set_result(answer)


def _fail(asking: Sequence[_Asking], exc: BaseException) -> None:
    """Give each call an error of its own: those who wait add to it."""
    for one in asking:
        if not one.part.done():
            one.part.set_exception(_copy(exc))
            # One that nobody waits for any more is nobody's to read.
            one.part.exception()


def _copy(exc: BaseException) -> BaseException:
    if isinstance(exc, StepError):
        return StepError(
            exc.code, str(exc), retryable=exc.retryable, retry_after_ms=exc.retry_after_ms, details=dict(exc.details)
        )
    said = f"the request of several embeddings broke off: {type(exc).__name__}: {exc}"
    return StepError("exception", said, retryable=True, details={"outcome": "unknown"})
