"""Answers of shadows until they are scored: by the run and the step whose answer was shown.

They may be lost: a shadow without a score counts by its errors, cost and latency alone.
"""

import asyncio

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from schemas.payload import Payload

#: Longer than a run may be due for its live scores.
KEPT_S = 3_600
#: Ends the id of a shadow's call: without it, it is the id of the attempt whose answer was shown.
SUFFIX = "~shadow"


class ShadowAnswer(Struct, frozen=True, kw_only=True):
    """What the other version answered for an attempt of a step, how long it took and what it cost."""

    output: Payload
    latency_ms: int
    cost_nano: int


_DECODER = msgspec.json.Decoder(ShadowAnswer)


class ShadowAnswers:
    """Keeps answers for ``KEPT_S``. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: Redis, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._timeout_s = timeout_s

    async def put(self, org_id: str, request_id: str, answer: ShadowAnswer) -> None:
        """Keep the answer of an attempt."""
        with redis_errors("keep the answer of a shadow"):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.set(_key(org_id, request_id), msgspec.json.encode(answer), ex=KEPT_S)

    async def find(self, org_id: str, request_id: str) -> ShadowAnswer | None:
        """Return the answer of an attempt, ``None`` if it is not there."""
        with redis_errors("read the answer of a shadow"):
            async with asyncio.timeout(self._timeout_s):
                data = await self._redis.get(_key(org_id, request_id))
        return None if data is None else _DECODER.decode(data)


def _key(org_id: str, request_id: str) -> str:
    return f"shadow:{org_id}:{request_id}"
