# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Addresses that events are sent to, and their deliveries."""

from typing import Unpack

from agentflow.bodies import ChangeWebhook, CreateWebhook, RotateWebhook
from agentflow.client.sync.resource import Resource, given
from agentflow.models import DeliveryAnswer, DeliveryPage, NewWebhook, WebhookAnswer, WebhookPage


class Webhooks(Resource):
    """Webhooks of the organisation, signed by the Standard Webhooks specification."""

    def create(self, **body: Unpack[CreateWebhook]) -> NewWebhook:
        """Register an address. The answer has the secret of its signatures, this once."""
        return self._ask(NewWebhook, "webhooks.create", json=body)

    def list(self) -> WebhookPage:
        """Return all webhooks."""
        return self._ask(WebhookPage, "webhooks.list")

    def get(self, webhook_id: str) -> WebhookAnswer:
        """Return a webhook."""
        return self._ask(WebhookAnswer, "webhooks.get", webhook_id)

    def change(self, webhook_id: str, /, **body: Unpack[ChangeWebhook]) -> WebhookAnswer:
        """Change a webhook, disable it or enable it again."""
        return self._ask(WebhookAnswer, "webhooks.change", webhook_id, json=body)

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook with its deliveries."""
        self._raw("webhooks.delete", webhook_id)

    def rotate(self, webhook_id: str, /, **body: Unpack[RotateWebhook]) -> NewWebhook:
        """Make a new secret; the one before signs as well for ``overlap_s`` seconds."""
        return self._ask(NewWebhook, "webhooks.rotate", webhook_id, json=body)

    def test(self, webhook_id: str) -> DeliveryAnswer:
        """Send an event ``webhook.test``."""
        return self._ask(DeliveryAnswer, "webhooks.test", webhook_id)

    def deliveries(
        self, webhook_id: str, *, state: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> DeliveryPage:
        """Return deliveries, the newest first; ``state`` is ``pending``, ``delivered`` or ``dead``."""
        params = given(state=state, limit=limit, cursor=cursor)
        return self._ask(DeliveryPage, "webhooks.deliveries", webhook_id, params=params)

    def retry(self, webhook_id: str, number: int) -> DeliveryAnswer:
        """Send an event again that was given up, or delivered."""
        return self._ask(DeliveryAnswer, "webhooks.retry", webhook_id, str(number))
