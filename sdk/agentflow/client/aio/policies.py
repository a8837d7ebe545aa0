"""Limits of runs, quotas of providers, batches of calls, cached answers."""

from typing import Unpack

from agentflow.bodies import PurgeCache, PutLimits, PutQuotas
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import BatchAnswer, BatchPage, CacheAnswer, CachePurged, LimitsAnswer, QuotasAnswer


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


class AsyncBatches(AsyncResource):
    """Calls that go to providers in batches."""

    async def list(self, *, limit: int | None = None) -> BatchPage:
        """Return the batches, newest first."""
        return await self._ask(BatchPage, "batches.list", params={"limit": limit})

    async def get(self, batch_id: str) -> BatchAnswer:
        """Return one batch."""
        return await self._ask(BatchAnswer, "batches.get", batch_id)

    async def cancel(self, batch_id: str) -> BatchAnswer:
        """Cancel a batch; calls that the provider has made by then are answered and paid for."""
        return await self._ask(BatchAnswer, "batches.cancel", batch_id)


class AsyncCache(AsyncResource):
    """Answers of models that are used again."""

    async def get(self) -> CacheAnswer:
        """Return hits, misses, bytes and the money saved."""
        return await self._ask(CacheAnswer, "cache.get")

    async def purge(self, **body: Unpack[PurgeCache]) -> CachePurged:
        """Remove the answers that match every given field, or ``all``."""
        return await self._ask(CachePurged, "cache.purge", json=body)
