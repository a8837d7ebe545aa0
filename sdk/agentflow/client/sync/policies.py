# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Limits of runs, quotas of providers, batches of calls, cached answers."""

from typing import Unpack

from agentflow.bodies import PurgeCache, PutLimits, PutQuotas
from agentflow.client.sync.resource import Resource
from agentflow.models import CacheAnswer, CachePurged, LimitsAnswer, QuotasAnswer


class Limits(Resource):
    """How many runs may run at once."""

    def get(self) -> LimitsAnswer:
        """Return the limits, and how many runs run and wait."""
        return self._ask(LimitsAnswer, "limits.get")

    def put(self, **body: Unpack[PutLimits]) -> LimitsAnswer:
        """Replace all limits; an omitted one is unlimited."""
        return self._ask(LimitsAnswer, "limits.put", json=body)

    def delete(self) -> LimitsAnswer:
        """Remove all limits."""
        return self._ask(LimitsAnswer, "limits.delete")


class Quotas(Resource):
    """How much of providers may be used in a time."""

    def get(self) -> QuotasAnswer:
        """Return the quotas."""
        return self._ask(QuotasAnswer, "quotas.get")

    def put(self, **body: Unpack[PutQuotas]) -> QuotasAnswer:
        """Replace all quotas."""
        return self._ask(QuotasAnswer, "quotas.put", json=body)


class Cache(Resource):
    """Answers of models that are used again."""

    def get(self) -> CacheAnswer:
        """Return hits, misses, bytes and the money saved."""
        return self._ask(CacheAnswer, "cache.get")

    def purge(self, **body: Unpack[PurgeCache]) -> CachePurged:
        """Remove the answers that match every given field, or ``all``."""
        return self._ask(CachePurged, "cache.purge", json=body)
