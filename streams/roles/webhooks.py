"""The webhooks role: events of organisations go to the addresses that they registered.

Events become rows before the log's offset moves, and rows are sent until the receiver has them; see
``services.webhooks.deliver``. Any number of processes may run it.
"""

import logging
import random
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from connectors.http.webhook_sender import WebhookSender
from connectors.ports.engine import InRecord
from connectors.postgres.webhooks.deliveries import WebhookDeliveries
from connectors.postgres.webhooks.stored import Webhooks
from connectors.prometheus.families import counter
from connectors.tools.environment import environment_of
from schemas.errors import BadRecord
from schemas.metrics import WEBHOOK_TRIES_TOTAL
from services.webhooks.deliver import Deliverer
from services.webhooks.enqueue import Enqueuer
from services.webhooks.loop import DeliveryLoop
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay
from topics.catalogue import WORKFLOW_EVENTS

log = logging.getLogger(__name__)

#: Each write asks PostgreSQL for the webhooks of the organisations.
DELAY_MS = 250.0, 500.0
_NEEDED = ("id", "type", "subject", "time")


class WebhookMetrics:
    """Counts tries."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = counter(WEBHOOK_TRIES_TOTAL, registry)

    def tried(self, outcome: str) -> None:
        """Count one."""
        self._tries.labels(outcome).inc()


class EventSink:
    """Stores what webhooks take of events."""

    def __init__(self, enqueuer: Enqueuer, loop: DeliveryLoop) -> None:
        self._enqueuer = enqueuer
        self._loop = loop

    async def write(self, items: list[tuple[InRecord, Any]]) -> None:
        """Store a batch. Raises ``Unavailable`` when PostgreSQL does not answer: ack nothing."""
        if await self._enqueuer.add([(_organisation(record), event) for record, event in items]):
            self._loop.wake()


def read_event(record: InRecord) -> dict[str, Any]:
    """Return an event of ours, of this version or a later one. Raises ``BadRecord`` for anything else."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError as exc:
        raise BadRecord("json", "an event is a JSON object") from exc
    if not isinstance(event, dict) or not all(isinstance(event.get(name), str) for name in _NEEDED):
        raise BadRecord("schema", f"an event has the texts {', '.join(_NEEDED)}")
    return event


def _organisation(record: InRecord) -> str:
    # The topic names it, whatever the event says.
    return record.topic.removeprefix(f"{WORKFLOW_EVENTS}.")


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    kms, database = ctx.kms(), ctx.database()
    webhooks, deliveries = Webhooks(database, kms), WebhookDeliveries(database)
    sender = WebhookSender(environment_of(ctx.settings, ctx.env).http.networks)
    metrics = WebhookMetrics(ctx.registry)
    loop = DeliveryLoop(
        Deliverer(deliveries, webhooks, sender, ctx.clock, metrics, random.SystemRandom()), deliveries, ctx.clock
    )
    if kms is None:
        # There can be webhooks of a time when there was a key: what they take is kept until it is back.
        log.warning("webhooks get nothing without VAULT_KEY, which seals their secrets", extra={"action": "wait"})
    else:
        loop.start()
        ctx.on_close(loop.stop)
    sink = EventSink(Enqueuer(webhooks, deliveries), loop)
    spec = SinkSpec(name=SPEC.name, open_record=read_event, write=sink.write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(pattern=rf"^{WORKFLOW_EVENTS}\..+$"))


SPEC = RoleSpec(
    name="webhooks",
    summary="sends events to the addresses that organisations registered",
    build=build,
    reads=(WORKFLOW_EVENTS,),
    needs=(Dependency.KAFKA, Dependency.POSTGRES),
)
