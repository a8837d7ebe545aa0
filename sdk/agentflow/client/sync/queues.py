# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Leases of a queue's steps, one request at a time. ``agentflow worker`` does all of this."""

from typing import Unpack

from agentflow.bodies import CompleteStep, ExtendLease, LeaseSteps, ReleaseLease
from agentflow.client.sync.resource import Resource
from agentflow.models import LeasedSteps, LeaseExtended, LeaseReleased, StepCompleted


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
