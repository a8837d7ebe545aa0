"""Webhooks: where an organisation's events are sent."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.webhooks.deliveries import ShownDelivery
from connectors.postgres.webhooks.stored import StoredWebhook
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.operations.webhooks import (
    ChangeWebhook,
    CreateWebhook,
    DeliveryAnswer,
    DeliveryPage,
    NewWebhook,
    RotateWebhook,
    WebhookAnswer,
    WebhookPage,
)
from schemas.webhooks import DeliveryState

WebhookId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Number = Annotated[int, Path(ge=1, lt=2**62)]

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses=errors(409, 413))
async def create_webhook(body: CreateWebhook, who: Admin, parts: Parts) -> NewWebhook:
    """Register an address. The answer has the secret of its signatures, this once."""
    stored, secret = await parts.webhooks.create(who.org_id, body.url, body.events, body.description, who.key_id)
    return NewWebhook(**_fields(stored), secret=secret)


@router.get("", responses=errors())
async def list_webhooks(who: Admin, parts: Parts) -> WebhookPage:
    """List the organisation's webhooks."""
    return WebhookPage(webhooks=[_answer(one) for one in await parts.webhooks.stored.all(who.org_id)])


@router.get("/{webhook_id}", responses=errors(404))
async def get_webhook(webhook_id: WebhookId, who: Admin, parts: Parts) -> WebhookAnswer:
    """Return one webhook."""
    return _answer(await parts.webhooks.stored.get(who.org_id, webhook_id))


@router.patch("/{webhook_id}", responses=errors(404, 413))
async def change_webhook(webhook_id: WebhookId, body: ChangeWebhook, who: Admin, parts: Parts) -> WebhookAnswer:
    """Change a webhook, disable it or enable it again."""
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    return _answer(await parts.webhooks.change(who.org_id, webhook_id, changes))


@router.delete("/{webhook_id}", status_code=204, responses=errors(404))
async def delete_webhook(webhook_id: WebhookId, who: Admin, parts: Parts) -> None:
    """Remove a webhook with its deliveries; nothing more is sent."""
    await parts.webhooks.stored.delete(who.org_id, webhook_id)


@router.post("/{webhook_id}/rotate", responses=errors(404, 413))
async def rotate_webhook(webhook_id: WebhookId, body: RotateWebhook, who: Admin, parts: Parts) -> NewWebhook:
    """Make a new secret. Requests carry a signature of each until the overlap ends."""
    stored, secret = await parts.webhooks.stored.rotate(who.org_id, webhook_id, body.overlap_s)
    return NewWebhook(**_fields(stored), secret=secret)


@router.post("/{webhook_id}/test", status_code=202, responses=errors(404, 409))
async def test_webhook(webhook_id: WebhookId, who: Admin, parts: Parts) -> DeliveryAnswer:
    """Send an event `webhook.test`, signed and delivered like all others. Its delivery says what became of it."""
    return _delivery(await parts.webhooks.test(who.org_id, webhook_id))


@router.get("/{webhook_id}/deliveries", responses=errors(404))
async def list_deliveries(
    webhook_id: WebhookId,
    who: Admin,
    parts: Parts,
    state: Annotated[DeliveryState | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> DeliveryPage:
    """List deliveries, newest first. Those that have ended are listed for 30 days."""
    await parts.webhooks.stored.get(who.org_id, webhook_id)
    found, after = await parts.webhooks.deliveries.page(who.org_id, webhook_id, state, limit, cursor)
    return DeliveryPage(deliveries=[_delivery(one) for one in found], next_cursor=after)


@router.post("/{webhook_id}/deliveries/{number}/retry", status_code=202, responses=errors(404, 409))
async def retry_delivery(webhook_id: WebhookId, number: Number, who: Admin, parts: Parts) -> DeliveryAnswer:
    """Send an event again that was given up, or delivered; it has the same `webhook-id`."""
    return _delivery(await parts.webhooks.deliveries.retry(who.org_id, webhook_id, number))


def _answer(one: StoredWebhook) -> WebhookAnswer:
    return WebhookAnswer(**_fields(one))


def _fields(one: StoredWebhook) -> dict[str, object]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "events": one.events,
        "enabled": one.enabled,
        "disabled_reason": one.disabled_reason,
        "created_by": one.created_by,
        "created_at": timestamp(one.created_ms),
        "old_secret_until": timestamp(one.before_until_ms),
    }


def _delivery(one: ShownDelivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        number=one.seq,
        event_id=one.event_id,
        event_type=one.event_type,
        subject=one.subject,
        state=one.state,
        tries=one.tries,
        status=one.last_status,
        error=one.last_error,
        due_at=timestamp(one.due_ms) if one.state == "pending" else None,
        created_at=timestamp(one.created_ms),
        ended_at=timestamp(one.ended_ms),
    )
