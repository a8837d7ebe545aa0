"""What the API checks of a webhook before it is stored, and the event that tries one."""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from connectors.http.webhook_sender import url_fault
from connectors.ports.engine import Clock
from connectors.postgres.webhooks.deliveries import NewDelivery, ShownDelivery, WebhookDeliveries
from connectors.postgres.webhooks.stored import StoredWebhook, Webhooks
from connectors.tools.environment import IpNetwork
from schemas.errors import Conflict, InvalidInput, Problem
from schemas.timestamps import format_time
from services.webhooks.enqueue import body_of

#: A type of events, or a pattern of types.
_PATTERN = re.compile(r"[a-z*][a-z0-9_*]*(\.[a-z0-9_*]+)*")


class WebhookSurface:
    """Webhooks as the API changes them. ``networks`` are private networks that they may reach nevertheless."""

    def __init__(
        self, stored: Webhooks, deliveries: WebhookDeliveries, networks: tuple[IpNetwork, ...], clock: Clock
    ) -> None:
        self._stored = stored
        self.deliveries = deliveries
        self._networks = networks
        self._clock = clock

    @property
    def stored(self) -> Webhooks:
        """The webhooks. Raises ``Unavailable`` where nothing can seal their secrets."""
        self._stored.keys()
        return self._stored

    async def create(
        self, org_id: str, url: str, events: Sequence[str], description: str, by: str
    ) -> tuple[StoredWebhook, str]:
        """Store a webhook; return it with its secret. Raises ``InvalidInput`` and ``Conflict``."""
        self._check_url(url)
        check_patterns(events)
        return await self.stored.create(org_id, url, events, description, by)

    async def change(self, org_id: str, webhook_id: str, changes: dict[str, Any]) -> StoredWebhook:
        """Change a webhook. Raises ``InvalidInput`` and ``NotFound``."""
        if "url" in changes:
            self._check_url(changes["url"])
        check_patterns(changes.get("events", ()))
        return await self.stored.change(org_id, webhook_id, changes)

    async def test(self, org_id: str, webhook_id: str) -> ShownDelivery:
        """Send a test event. Raises ``NotFound``, and ``Conflict`` for a disabled webhook."""
        webhook = await self.stored.get(org_id, webhook_id)
        if not webhook.enabled:
            raise Conflict(f"webhook {webhook_id} is disabled; enable it first")
        event = trial_event(webhook_id, org_id, self._clock.now_ms(), secrets.token_hex(8))
        # Each test is a subject of its own: it waits for no other event.
        one = NewDelivery(org_id, webhook_id, event["id"], event["type"], event["id"], body_of(event))
        await self.deliveries.add([one])
        found, _ = await self.deliveries.page(org_id, webhook_id, None, 50, None)
        return next(shown for shown in found if shown.event_id == event["id"])

    def _check_url(self, url: str) -> None:
        if fault := url_fault(url, self._networks):
            raise InvalidInput(f"the url cannot be a webhook's: {fault}", (Problem("url", "not allowed", fault),))


def check_patterns(patterns: Sequence[str]) -> None:
    """Raise ``InvalidInput`` for what is neither a type of events nor a pattern of types."""
    for index, pattern in enumerate(patterns):
        if not _PATTERN.fullmatch(pattern):
            fix = "write a type such as run.failed, a pattern such as run.*, or * for all events"
            problem = Problem(f"events.{index}", "not a type of events", fix)
            raise InvalidInput(f"{pattern!r} names no events", (problem,))


def trial_event(webhook_id: str, org_id: str, now_ms: int, number: str) -> dict[str, Any]:
    """Return an event that a person sends to try a webhook."""
    return {
        "type": "webhook.test",
        "specversion": "1.0",
        "id": f"{webhook_id}/test/{number}",
        "source": "/agentflow/webhooks",
        "subject": webhook_id,
        "time": format_time(now_ms),
        "datacontenttype": "application/json",
        "organisation": org_id,
        "data": {"webhook_id": webhook_id},
    }
