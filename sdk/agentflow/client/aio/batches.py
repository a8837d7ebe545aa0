"""Batches of calls at providers."""

from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import BatchAnswer, BatchCallPage, BatchPage


class AsyncBatches(AsyncResource):
    """Batches that calls wait in."""

    async def list(self, *, limit: int | None = None) -> BatchPage:
        """Return the batches, those that ended in the last 14 days among them."""
        return await self._ask(BatchPage, "batches.list", params=given(limit=limit))

    async def get(self, batch_id: str) -> BatchAnswer:
        """Return one batch."""
        return await self._ask(BatchAnswer, "batches.get", batch_id)

    async def calls(self, batch_id: str, *, cursor: str | None = None, limit: int | None = None) -> BatchCallPage:
        """Return calls of a batch, each with its run and step."""
        return await self._ask(BatchCallPage, "batches.calls", batch_id, params=given(cursor=cursor, limit=limit))

    async def cancel(self, batch_id: str) -> BatchAnswer:
        """Cancel a batch; calls that the provider has made by then are answered and paid for."""
        return await self._ask(BatchAnswer, "batches.cancel", batch_id)
