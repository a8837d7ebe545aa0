"""Limits of runs, quotas of providers, batches of calls, cached answers."""

from typing import Unpack

from agentflow.bodies import PurgeCache, PutLimits, PutQuotas
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import CacheAnswer, CachePurged, LimitsAnswer, QuotasAnswer


class AsyncLimits(AsyncResource):
    """How many runs may run at once."""

    async def get(self) -> LimitsAnswer:
        """Return the limits, and how many runs run and wait."""
        return await self._ask(LimitsAnswer, "limits.get")

    async def put(self, **body: Unpack[PutLimits]) -> LimitsAnswer:
        """Replace all limits; an omitted one is unlimited."""
        return await self._ask(LimitsAnswer, "limits.put", json=body)

    async def delete(self) -> LimitsAnswer:
        """Remove all limits."""
        return await self._ask(LimitsAnswer, "limits.delete")


class AsyncQuotas(AsyncResource):
    """How much of providers may be used in a time."""

    async def get(self) -> QuotasAnswer:
        """Return the quotas."""
        return await self._ask(QuotasAnswer, "quotas.get")

    async def put(self, **body: Unpack[PutQuotas]) -> QuotasAnswer:
        """Replace all quotas."""
        return await self._ask(QuotasAnswer, "quotas.put", json=body)


class AsyncCache(AsyncResource):
    """Answers of models that are used again."""

    async def get(self) -> CacheAnswer:
        """Return hits, misses, bytes and the money saved."""
        return await self._ask(CacheAnswer, "cache.get")

    async def purge(self, **body: Unpack[PurgeCache]) -> CachePurged:
        """Remove the answers that match every given field, or ``all``."""
        return await self._ask(CachePurged, "cache.purge", json=body)
