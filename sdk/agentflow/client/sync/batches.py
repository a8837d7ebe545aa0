# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Batches of calls at providers."""

from agentflow.client.sync.resource import Resource, given
from agentflow.models import BatchAnswer, BatchCallPage, BatchPage


class Batches(Resource):
    """Batches that calls wait in."""

    def list(self, *, limit: int | None = None) -> BatchPage:
        """Return the batches, those that ended in the last 14 days among them."""
        return self._ask(BatchPage, "batches.list", params=given(limit=limit))

    def get(self, batch_id: str) -> BatchAnswer:
        """Return one batch."""
        return self._ask(BatchAnswer, "batches.get", batch_id)

    def calls(self, batch_id: str, *, cursor: str | None = None, limit: int | None = None) -> BatchCallPage:
        """Return calls of a batch, each with its run and step."""
        return self._ask(BatchCallPage, "batches.calls", batch_id, params=given(cursor=cursor, limit=limit))

    def cancel(self, batch_id: str) -> BatchAnswer:
        """Cancel a batch; calls that the provider has made by then are answered and paid for."""
        return self._ask(BatchAnswer, "batches.cancel", batch_id)
