"""The cache stage of model calls over a real Redis, with a provider that is counted there."""

import asyncio

from redis.asyncio import Redis

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelResponse
from connectors.redis.client import connect_pipelined
from connectors.redis.response_cache import LEASE_MS, RedisResponseCache
from schemas.records.base import Usage
from services.caching.ports import CachePorts
from services.calls.call import Answer, Call, Content, Origin, Template, Trace
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.stages.cache import Cache
from services.routing.router import RouteTable

MADE = "bench:provider-calls"
ORG = "bench"


class Caller:
    """One process' calls. The provider answers after ``answer_s`` seconds."""

    def __init__(self, url: str, *, answer_s: float = 0.02, lease_ms: int = LEASE_MS) -> None:
        self.redis: Redis = connect_pipelined(url)
        self.asked = asyncio.Event()
        self._clock = WallClock()
        self._answer_s = answer_s
        ports = CachePorts(RedisResponseCache(self.redis, lease_ms=lease_ms))
        self._stage = Cache(ports, RouteTable(), self._clock, Cancellations(self._clock))

    async def call(self, number: int, call_id: str) -> Answer:
        """Ask the request of a number."""
        return await self._stage(_call(number, call_id), self._provider)

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    async def _provider(self, call: Call) -> Answer:
        await self.redis.incr(MADE)
        self.asked.set()
        await self._clock.sleep(self._answer_s)
        return Answer(response=ModelResponse(f"the answer to {call.content.prompt}", Usage(input_tokens=9)))


def _call(number: int, call_id: str) -> Call:
    words = f"Summarize document {number} in three sentences. " * 8
    template = Template(name="bench", version=1, text="{{words}}", args={"words": words})
    return Call(
        org_id=ORG,
        call_id=call_id,
        idempotency_key=call_id,
        origin=Origin(request_id=call_id, workflow_name="bench"),
        trace=Trace(trace_id="0" * 32, span_id="0" * 16),
        tier="silver",
        content=Content(max_tokens=256, template=template, prompt=words, cache=True),
        ledger=Ledger(),
        timeout_s=60.0,
    )
