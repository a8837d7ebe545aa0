"""Step 3: an earlier answer to the same content stands in for the call, where the caller allows it."""

import orjson
from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from connectors.redis.response_cache import CachedAnswer, CacheKey
from schemas.errors import Unavailable
from services.calls.call import UNROUTED, Answer, Call, Content, Proceed
from services.calls.ports import ResponseCache
from services.calls.records import call_span, provider_call
from services.calls.stages.route import routed
from services.calls.streamed import deliver
from services.routing.router import Router

_PLAIN = Content(max_tokens=0)
_MORE = (
    "system",
    "developer",
    "history",
    "output_schema",
    "stop",
    "seed",
    "reasoning_effort",
    "options",
    "top_p",
    "parallel_tools",
)


class Cache:
    """Looks for an earlier answer, and stores the new one. While the store is down, calls do without.

    A key names no tools and no turns, so calls with either are never answered from here.
    """

    def __init__(self, cache: ResponseCache, router: Router, clock: Clock) -> None:
        self._cache = cache
        self._router = router
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        content = call.content
        if not content.cache or content.tools or content.turns:
            return await proceed(call)
        # The key names the model, so this call is routed here and not by the stage after this one.
        call = await routed(self._router, call)
        key = _key(call)
        earlier = await self._get(key)
        if earlier is not None:
            await deliver(call.on_delta, earlier.text)
            return self._stand_in(call, earlier)
        answer = await proceed(call)
        response = answer.response
        # A fallback is another model's answer.
        key = key if answer.route in (UNROUTED, call.route) else _key(structs.replace(call, route=answer.route))
        await self._put(key, CachedAnswer(response.text, response.usage, response.finish_reason))
        return answer

    def _stand_in(self, call: Call, earlier: CachedAnswer) -> Answer:
        call.ledger.finish_reason = earlier.finish_reason
        record = structs.replace(provider_call(call, "ok", self._clock.now_ms(), 0.0), cached=True)
        call.ledger.add(record, None, call_span(call, record))
        return Answer(response=ModelResponse(earlier.text, earlier.usage, earlier.finish_reason), cached=True)

    async def _get(self, key: CacheKey) -> CachedAnswer | None:
        try:
            return await self._cache.get(key)
        except Unavailable:
            return None

    async def _put(self, key: CacheKey, answer: CachedAnswer) -> None:
        try:
            await self._cache.put(key, answer)
        except Unavailable:
            return


def _key(call: Call) -> CacheKey:
    content, (provider, model) = call.content, call.route
    pictures = tuple(picture.sha256 for picture in content.pictures)
    limits = (content.max_tokens, content.temperature)
    return CacheKey(call.org_id, provider, model, content.prompt, *limits, pictures, _more(content))


def _more(content: Content) -> str:
    """Return the fields that few calls set, as JSON; empty when none is, so that keys of plain calls stay."""
    set_ = {name: value for name in _MORE if (value := getattr(content, name)) != getattr(_PLAIN, name)}
    return orjson.dumps(set_, option=orjson.OPT_SORT_KEYS).decode() if set_ else ""
