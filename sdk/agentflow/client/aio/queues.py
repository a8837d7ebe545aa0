"""Leases of a queue's steps, one request at a time, as ``agentflow worker`` makes them; and its tools for policies."""

from typing import Literal, Unpack

from agentflow.bodies import CompleteStep, DeclareQueueTool, ExtendLease, LeaseSteps, ReleaseLease
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    LeasedSteps,
    LeaseExtended,
    LeaseReleased,
    QueueToolAnswer,
    QueueToolPage,
    StepCompleted,
)


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

    async def tools(self) -> QueueToolPage:
        """Return what is declared of tools on queues."""
        return await self._ask(QueueToolPage, "queues.tools")

    async def declare(self, name: str, tool: str, /, **body: Unpack[DeclareQueueTool]) -> QueueToolAnswer:
        """Declare what policies know of a tool of a queue. Needs the permission ``admin``."""
        return await self._ask(QueueToolAnswer, "queues.declare", name, tool, json=body)

    async def undeclare(
        self, name: str, tool: str, *, of: Literal["organisation", "installation"] | None = None
    ) -> None:
        """Remove what is declared of a tool. Needs the permission ``admin``."""
        await self._raw("queues.undeclare", name, tool, params=given(of=of))
