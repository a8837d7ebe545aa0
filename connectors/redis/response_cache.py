"""Earlier answers of models, for steps that ask for it (``cache: true``). One organisation never sees another's."""

import hashlib
from dataclasses import dataclass

import orjson
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import response_cache_key
from schemas.records.base import Usage

#: The guide's ``cache.ttl``: an hour.
DEFAULT_TTL_S = 3_600


@dataclass(frozen=True, slots=True)
class CacheKey:
    """All that an answer depends on; ``pictures`` are their hashes. Two requests with one key may share an answer."""

    org_id: str
    provider: str
    model: str
    prompt: str
    max_tokens: int
    temperature: float | None
    pictures: tuple[str, ...] = ()
    #: The other fields of the request that are set, as JSON.
    more: str = ""

    def digest(self) -> str:
        """Return the SHA-256 of the request, without the organisation."""
        asked = [self.provider, self.model, self.prompt, self.max_tokens, self.temperature, *self.pictures]
        parts = [*asked, {"more": self.more}] if self.more else asked
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer as it was given, with the tokens that it took then."""

    text: str
    usage: Usage
    finish_reason: str


class RedisResponseCache:
    """Answers kept ``ttl_s`` seconds in Redis. Methods raise ``Unavailable``; a caller can do without an answer."""

    def __init__(self, redis: Redis, ttl_s: int = DEFAULT_TTL_S) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    async def get(self, key: CacheKey) -> CachedAnswer | None:
        """Return the kept answer, if there is one."""
        with redis_errors("look up a cached answer"):
            data = await self._redis.get(response_cache_key(key.org_id, key.digest()))
        if data is None:
            return None
        text, input_tokens, output_tokens, finish_reason = orjson.loads(data)
        return CachedAnswer(text, Usage(input_tokens=input_tokens, output_tokens=output_tokens), finish_reason)

    async def put(self, key: CacheKey, answer: CachedAnswer) -> None:
        """Keep an answer."""
        usage = answer.usage
        data = orjson.dumps([answer.text, usage.input_tokens, usage.output_tokens, answer.finish_reason])
        with redis_errors("keep an answer"):
            await self._redis.set(response_cache_key(key.org_id, key.digest()), data, ex=self._ttl_s)
