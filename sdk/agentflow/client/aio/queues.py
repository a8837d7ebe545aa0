"""Leases of a queue's steps, one request at a time. ``agentflow worker`` does all of this."""

from typing import Unpack

from agentflow.bodies import CompleteStep, ExtendLease, LeaseSteps, ReleaseLease
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import LeasedSteps, LeaseExtended, LeaseReleased, StepCompleted


class AsyncQueues(AsyncResource):
    """Queues of the organisation, for workers of your own."""

    async def lease(self, name: str, /, **body: Unpack[LeaseSteps]) -> LeasedSteps:
        """Lease steps; waits up to ``wait_s`` seconds for the first one."""
        return await self._ask(LeasedSteps, "queues.lease", name, json=body)

    async def heartbeat(self, name: str, /, **body: Unpack[ExtendLease]) -> LeaseExtended:
        """Extend a lease, and store progress."""
        return await self._ask(LeaseExtended, "queues.heartbeat", name, json=body)

    async def complete(self, name: str, /, **body: Unpack[CompleteStep]) -> StepCompleted:
        """Store the outcome of a step."""
        return await self._ask(StepCompleted, "queues.complete", name, json=body)

    async def release(self, name: str, /, **body: Unpack[ReleaseLease]) -> LeaseReleased:
        """Return a step that was not worked on."""
        return await self._ask(LeaseReleased, "queues.release", name, json=body)
