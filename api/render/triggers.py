"""Stored triggers as the API shows them."""

from collections.abc import Sequence
from typing import Any

from connectors.postgres.triggers.positions import StoredPosition
from connectors.postgres.triggers.stored import Credentials, StoredTrigger
from schemas.api_models.base import timestamp
from schemas.api_models.operations.triggers import (
    NewTrigger,
    TriggerAnswer,
    TriggerPosition,
    TriggerTopic,
    WebhookSource,
)
from schemas.money import cents
from schemas.triggers.definition import Hook, TopicSource

HOOKS = "/api/v1/hooks"


def trigger(stored: StoredTrigger, positions: Sequence[StoredPosition] = ()) -> TriggerAnswer:
    """Return a trigger. ``positions`` may be of others as well."""
    return TriggerAnswer(**_fields(stored, positions))


def new_trigger(stored: StoredTrigger, credentials: Credentials) -> NewTrigger:
    """Return a trigger with what its sender needs."""
    address = f"{HOOKS}/{credentials.address}" if credentials.address else None
    return NewTrigger(**_fields(stored, ()), address=address, secret=credentials.secret or None)


def _fields(stored: StoredTrigger, positions: Sequence[StoredPosition]) -> dict[str, Any]:
    said = stored.definition
    own = [one for one in positions if one.trigger_id == stored.id]
    return {
        "id": stored.id,
        "name": stored.name,
        "kind": stored.kind,
        "workflow_name": said.workflow_name,
        "workflow_version": said.workflow_version,
        "inputs": said.inputs,
        "filter": said.filter,
        "source": said.source,
        "idempotency": said.idempotency,
        "subject": said.subject,
        "tags": said.tags,
        "project": said.project,
        "budget_cents": None if said.budget_nano is None else cents(said.budget_nano),
        "webhook": None if said.hook is None else _hook(stored, said.hook),
        "topic": None if said.topic is None else _topic(said.topic, own),
        "paused": stored.paused,
        "problem": stored.problem,
        "created_by": stored.created_by,
        "created_at": timestamp(stored.created_ms),
        "updated_at": timestamp(stored.updated_ms),
    }


def _hook(stored: StoredTrigger, hook: Hook) -> WebhookSource:
    return WebhookSource(
        scheme=hook.scheme,
        path=f"{HOOKS}/{stored.id}.***",
        signature_header=hook.signature_header,
        idempotency_header=hook.idempotency_header,
        cloudevents=hook.cloudevents,
        requests_per_minute=hook.requests_per_minute,
        max_bytes=hook.max_bytes,
        old_secret_until=timestamp(stored.before_until_ms),
    )


def _topic(topic: TopicSource, positions: Sequence[StoredPosition]) -> TriggerTopic:
    return TriggerTopic(
        name=topic.name, format=topic.format, start=topic.start, positions=[_position(one) for one in positions]
    )


def _position(one: StoredPosition) -> TriggerPosition:
    return TriggerPosition(
        partition=one.partition,
        next_offset=one.next_offset,
        lag=one.lag,
        submitted=one.submitted,
        filtered=one.filtered,
        refused=one.refused,
        updated_at=timestamp(one.updated_ms),
    )
