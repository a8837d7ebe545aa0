"""Triggers: what arrives from other systems submits runs."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.render import triggers as render
from api.routers.errors import errors
from api.routers.filters import refuse_null
from schemas import money
from schemas.api_models.operations.triggers import (
    ChangeTrigger,
    CreateTrigger,
    NewTrigger,
    RotateTrigger,
    TriedTrigger,
    TriggerAnswer,
    TriggerPage,
    TryTrigger,
)
from schemas.errors import InvalidInput, Problem
from schemas.triggers.definition import Definition

TriggerId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/triggers", tags=["triggers"], route_class=StrictJsonRoute)
_MAY_BE_NULL = frozenset({"workflow_version", "budget_cents", "project"})
#: Fields of a change that are of the webhook.
_HOW = frozenset({"idempotency_header", "cloudevents", "requests_per_minute", "max_bytes"})


@router.post("", status_code=201, responses=errors(404, 409, 413))
async def create_trigger(body: CreateTrigger, who: Admin, parts: Parts) -> NewTrigger:
    """Create a trigger. Its expressions, its workflow and its topic are checked now.

    The answer has the address of a webhook and the secret of its signatures, this once.
    """
    definition = _definition(body)
    secret = None if body.webhook is None or body.webhook.secret is None else body.webhook.secret.get_secret_value()
    stored, credentials = await parts.triggers.surface.create(
        who.org_id, body.name, definition, secret, who.key_id, paused=body.paused
    )
    return render.new_trigger(stored, credentials)


@router.get("", responses=errors())
async def list_triggers(who: Admin, parts: Parts) -> TriggerPage:
    """List the organisation's triggers, with how far topics were submitted."""
    stored = await parts.triggers.surface.stored.all(who.org_id)
    positions = await parts.triggers.surface.positions.of([one.id for one in stored if one.kind == "topic"])
    return TriggerPage(triggers=[render.trigger(one, positions) for one in stored])


@router.get("/{trigger_id}", responses=errors(404))
async def get_trigger(trigger_id: TriggerId, who: Admin, parts: Parts) -> TriggerAnswer:
    """Return one trigger, with how far its topic was submitted."""
    stored = await parts.triggers.surface.stored.get(who.org_id, trigger_id)
    return render.trigger(stored, await parts.triggers.surface.positions.of([stored.id]))


@router.patch("/{trigger_id}", responses=errors(404, 409, 413))
async def change_trigger(trigger_id: TriggerId, body: ChangeTrigger, who: Admin, parts: Parts) -> TriggerAnswer:
    """Change, pause or resume a trigger. A topic is read on from where it was; a paused webhook answers 503."""
    refuse_null(body, _MAY_BE_NULL)
    before = await parts.triggers.surface.stored.get(who.org_id, trigger_id)
    changes = _stored(body.model_dump(exclude_unset=True))
    how = {name: changes.pop(name) for name in _HOW & changes.keys()}
    changed = await parts.triggers.surface.change(before, changes, how)
    return render.trigger(changed, await parts.triggers.surface.positions.of([changed.id]))


@router.delete("/{trigger_id}", status_code=204, responses=errors(404))
async def delete_trigger(trigger_id: TriggerId, who: Admin, parts: Parts) -> None:
    """Delete a trigger with its address and its positions. Its runs stay."""
    await parts.triggers.surface.stored.delete(who.org_id, trigger_id)


@router.post("/{trigger_id}/rotate", responses=errors(404, 409, 413))
async def rotate_trigger(trigger_id: TriggerId, body: RotateTrigger, who: Admin, parts: Parts) -> NewTrigger:
    """Make a new secret or, with the scheme `url`, a new address. That before is good until the overlap ends."""
    before = await parts.triggers.surface.stored.get(who.org_id, trigger_id)
    secret = None if body.secret is None else body.secret.get_secret_value()
    stored, credentials = await parts.triggers.surface.rotate(before, secret, body.overlap_s)
    return render.new_trigger(stored, credentials)


@router.post("/{trigger_id}/try", responses=errors(404, 413))
async def try_trigger(trigger_id: TriggerId, body: TryTrigger, who: Admin, parts: Parts) -> TriedTrigger:
    """Answer what would become of a payload. Nothing is submitted."""
    stored = await parts.triggers.surface.stored.get(who.org_id, trigger_id)
    said = {"headers": body.headers, "query": body.query, "key": body.key}
    mapped, run = parts.triggers.surface.tried(stored, body.payload, said)
    if mapped is None:
        return TriedTrigger(filtered=True)
    return TriedTrigger(
        filtered=False, inputs=mapped.inputs, source=mapped.source, submission_id=mapped.submission_id, run_id=run
    )


def _definition(body: CreateTrigger) -> Definition:
    fields = _stored(_shallow(body))
    if body.webhook is not None:
        fields["hook"] = body.webhook.model_dump(exclude={"secret"})
        if body.webhook.signature_header and body.webhook.scheme != "github":
            fix = "leave it out; the others have headers of their own"
            raise InvalidInput.of(Problem("webhook.signature_header", "is of the scheme `github`", fix))
    if body.topic is not None:
        fields["topic"] = body.topic.model_dump()
    return Definition.model_validate(fields)


def _shallow(body: BaseModel) -> dict[str, Any]:
    return body.model_dump(exclude={"name", "paused", "webhook", "topic"})


def _stored(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a body as they are stored."""
    if "budget_cents" in fields:
        cents = fields.pop("budget_cents")
        fields["budget_nano"] = money.from_cents(cents) if cents is not None else None
    return fields
