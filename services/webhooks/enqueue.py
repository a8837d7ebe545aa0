"""Events become deliveries: one for each webhook of the organisation that takes events of the type."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from connectors.postgres.webhooks.deliveries import NewDelivery
from schemas.webhooks import wants


class TakingWebhooks(Protocol):
    """See ``connectors.postgres.webhooks.stored.Webhooks``."""

    async def taking(self, organisations: Sequence[str]) -> dict[str, list[tuple[str, list[str]]]]:
        """Return the enabled webhooks of organisations: their ids and patterns."""
        ...


class DeliveryStore(Protocol):
    """See ``connectors.postgres.webhooks.deliveries.WebhookDeliveries``."""

    async def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries; one that is there stays as it is."""
        ...


class Enqueuer:
    """Stores what webhooks take of a batch of events. Raises what the stores raise."""

    def __init__(self, webhooks: TakingWebhooks, deliveries: DeliveryStore) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries

    async def add(self, events: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Take events with their organisations, in order; return how many deliveries they made, repeats included."""
        taking = await self._webhooks.taking(sorted({org_id for org_id, _ in events}))
        made = [
            NewDelivery(org_id, webhook_id, event["id"], event["type"], event["subject"], body_of(event))
            for org_id, event in events
            for webhook_id, patterns in taking.get(org_id, ())
            if wants(patterns, event["type"])
        ]
        if made:
            await self._deliveries.add(made)
        return len(made)


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return the body of an event: the CloudEvent, with its time as the specification of webhooks calls it."""
    shown = {name: value for name, value in event.items() if name != "v"}
    return orjson.dumps(shown | {"timestamp": event["time"]})
