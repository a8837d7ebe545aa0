# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Leases of a queue's steps, one request at a time, as ``agentflow worker`` makes them; and its tools for policies."""

from typing import Literal, Unpack

from agentflow.bodies import CompleteStep, DeclareQueueTool, ExtendLease, LeaseSteps, ReleaseLease
from agentflow.client.sync.resource import Resource, given
from agentflow.models import (
    LeasedSteps,
    LeaseExtended,
    LeaseReleased,
    QueueToolAnswer,
    QueueToolPage,
    StepCompleted,
)


class Queues(Resource):
    """Queues of the organisation, for workers of your own."""

    def lease(self, name: str, /, **body: Unpack[LeaseSteps]) -> LeasedSteps:
        """Lease steps; waits up to ``wait_s`` seconds for the first one."""
        return self._ask(LeasedSteps, "queues.lease", name, json=body)

    def heartbeat(self, name: str, /, **body: Unpack[ExtendLease]) -> LeaseExtended:
        """Extend a lease, and store progress."""
        return self._ask(LeaseExtended, "queues.heartbeat", name, json=body)

    def complete(self, name: str, /, **body: Unpack[CompleteStep]) -> StepCompleted:
        """Store the outcome of a step."""
        return self._ask(StepCompleted, "queues.complete", name, json=body)

    def release(self, name: str, /, **body: Unpack[ReleaseLease]) -> LeaseReleased:
        """Return a step that was not worked on."""
        return self._ask(LeaseReleased, "queues.release", name, json=body)

    def tools(self) -> QueueToolPage:
        """Return what is declared of tools on queues."""
        return self._ask(QueueToolPage, "queues.tools")

    def declare(self, name: str, tool: str, /, **body: Unpack[DeclareQueueTool]) -> QueueToolAnswer:
        """Declare what policies know of a tool of a queue. Needs the permission ``admin``."""
        return self._ask(QueueToolAnswer, "queues.declare", name, tool, json=body)

    def undeclare(self, name: str, tool: str, *, of: Literal["organisation", "installation"] | None = None) -> None:
        """Remove what is declared of a tool. Needs the permission ``admin``."""
        self._raw("queues.undeclare", name, tool, params=given(of=of))
