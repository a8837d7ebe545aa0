"""Webhooks, and what became of their deliveries."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from schemas.api_models.base import Answer, Request, Text
from schemas.webhooks import DeliveryState

_EXAMPLE: dict[str, JsonValue] = {"url": "https://example.com/hooks/agentflow", "events": ["run.failed", "budget.*"]}
Url = Annotated[Text, Field(min_length=1, max_length=2_000)]
Patterns = Annotated[list[Annotated[Text, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=50)]


class CreateWebhook(Request):
    """An address for events of the organisation. ``events`` are types, or patterns of them such as ``run.*``."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    url: Url
    events: Patterns = Field(default_factory=lambda: ["*"])
    description: Text = Field(default="", max_length=500)


class ChangeWebhook(Request):
    """Fields that are left out stay. A webhook that is enabled again gets what was pending."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"enabled": False}]})

    url: Url | None = None
    events: Patterns | None = None
    description: Text | None = Field(default=None, max_length=500)
    enabled: bool | None = None


class RotateWebhook(Request):
    """Requests are signed with both secrets for ``overlap_s`` seconds: the receiver takes the new one meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"overlap_s": 86_400}]})

    overlap_s: int = Field(default=86_400, ge=0, le=7 * 86_400)


class WebhookAnswer(Answer):
    """A webhook. ``disabled_reason`` is there where the system disabled it.

    Until ``old_secret_until`` requests are signed with the secret before as well. ``created_by`` is a key's id.
    """

    id: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    created_by: str
    created_at: str | None
    old_secret_until: str | None


class NewWebhook(WebhookAnswer):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class WebhookPage(Answer):
    """Webhooks, newest first."""

    webhooks: list[WebhookAnswer]


class DeliveryAnswer(Answer):
    """One event for a webhook. ``pending``: it is sent at ``due_at``, or after those of its subject before it.

    ``dead``: it was tried for a day in vain. ``error`` is what the last try met.
    """

    number: int
    event_id: str
    event_type: str
    subject: str
    state: DeliveryState
    tries: int
    status: int | None
    error: str | None
    due_at: str | None
    created_at: str | None
    ended_at: str | None


class DeliveryPage(Answer):
    """Deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    next_cursor: str | None = None
