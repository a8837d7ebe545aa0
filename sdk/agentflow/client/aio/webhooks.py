"""Addresses that events are sent to, and their deliveries."""

from typing import Unpack

from agentflow.bodies import ChangeWebhook, CreateWebhook, RotateWebhook
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import DeliveryAnswer, DeliveryPage, NewWebhook, WebhookAnswer, WebhookPage


class AsyncWebhooks(AsyncResource):
    """Webhooks of the organisation, signed by the Standard Webhooks specification."""

    async def create(self, **body: Unpack[CreateWebhook]) -> NewWebhook:
        """Register an address. The answer has the secret of its signatures, this once."""
        return await self._ask(NewWebhook, "webhooks.create", json=body)

    async def list(self) -> WebhookPage:
        """Return all webhooks."""
        return await self._ask(WebhookPage, "webhooks.list")

    async def get(self, webhook_id: str) -> WebhookAnswer:
        """Return a webhook."""
        return await self._ask(WebhookAnswer, "webhooks.get", webhook_id)

    async def change(self, webhook_id: str, /, **body: Unpack[ChangeWebhook]) -> WebhookAnswer:
        """Change a webhook, disable it or enable it again."""
        return await self._ask(WebhookAnswer, "webhooks.change", webhook_id, json=body)

    async def delete(self, webhook_id: str) -> None:
        """Remove a webhook with its deliveries."""
        await self._raw("webhooks.delete", webhook_id)

    async def rotate(self, webhook_id: str, /, **body: Unpack[RotateWebhook]) -> NewWebhook:
        """Make a new secret; the one before signs as well for ``overlap_s`` seconds."""
        return await self._ask(NewWebhook, "webhooks.rotate", webhook_id, json=body)

    async def test(self, webhook_id: str) -> DeliveryAnswer:
        """Send an event ``webhook.test``."""
        return await self._ask(DeliveryAnswer, "webhooks.test", webhook_id)

    async def deliveries(
        self, webhook_id: str, *, state: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> DeliveryPage:
        """Return deliveries, the newest first; ``state`` is ``pending``, ``delivered`` or ``dead``."""
        params = given(state=state, limit=limit, cursor=cursor)
        return await self._ask(DeliveryPage, "webhooks.deliveries", webhook_id, params=params)

    async def retry(self, webhook_id: str, number: int) -> DeliveryAnswer:
        """Send an event again that was given up, or delivered."""
        return await self._ask(DeliveryAnswer, "webhooks.retry", webhook_id, str(number))
