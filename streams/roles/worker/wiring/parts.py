"""What the parts of one worker share."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.objects.store import Objects
from schemas.records.base import Record
from services.calls.cancellation import Cancellations
from services.runs.attempts.watched import Watchers
from services.security.enforcement.known import KnownPolicies
from streams.process.context import RoleContext
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.producer import Outbox
from streams.runtime.routing import to_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What several parts of a worker are made from. ``worker_id`` names it in results and claims."""

    ctx: RoleContext
    worker_id: str
    objects: Objects
    metrics: WorkerMetrics
    outbox: Outbox
    aborts: Cancellations
    policies: KnownPolicies
    watchers: Watchers

    async def say(self, records: Sequence[Record]) -> None:
        """Append records and wait for the broker's acknowledgement. Raises ``Unavailable``."""
        await self.outbox.send([to_out(one) for one in records])
