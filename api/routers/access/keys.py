"""API keys, and who the caller is."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import KeyBounds
from api.dependencies import Anyone, Parts, ProjectAdmin
from api.http.strict_json import StrictJsonRoute
from api.render import access as render
from api.routers.errors import errors
from api.routers.filters import refuse_null
from connectors.postgres.keys import KeyChanges
from schemas.api_models.access import (
    ID_PATTERN,
    ChangeKey,
    CreateKey,
    KeyAnswer,
    KeyCreated,
    KeyPage,
    RotateKey,
    WhoAmI,
    in_order,
)
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem
from schemas.scopes import Scopes

KeyId = Annotated[str, Path(pattern=ID_PATTERN)]
_MAY_BE_NULL = frozenset({"expires_at", "requests_per_minute"})

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=StrictJsonRoute)


@router.get("/whoami", responses=errors(), summary="Describe the caller")
async def whoami(who: Anyone) -> WhoAmI:
    """Return what the key or token of this request is, and may do."""
    return render.who(who)


@router.post("/keys", status_code=201, responses=errors(404))
async def create_key(body: CreateKey, who: ProjectAdmin, parts: Parts) -> KeyCreated:
    """Create a key of the caller's organisation, or project. The answer is the only place where the key is shown."""
    minted = parts.access.authenticator.mint(
        who.org_id,
        body.name,
        body.permissions,
        KeyBounds(
            project=who.in_project(body.project),
            scopes=body.scopes,
            expires_ms=_expiry(body),
            requests_per_minute=body.requests_per_minute,
        ),
    )
    stored = await parts.access.keys.create(minted.stored)
    return KeyCreated(**render.key_fields(stored), key=minted.key)


@router.get("/keys", responses=errors())
async def list_keys(
    who: ProjectAdmin,
    parts: Parts,
    project: Annotated[str | None, Query(pattern=ID_PATTERN, description="Only keys of this project.")] = None,
) -> KeyPage:
    """List the organisation's keys, without their secrets."""
    found = await parts.access.keys.all(who.org_id, who.in_project(project))
    return KeyPage(keys=[render.key(stored) for stored in found])


@router.get("/keys/{key_id}", responses=errors(404))
async def get_key(key_id: KeyId, who: ProjectAdmin, parts: Parts) -> KeyAnswer:
    """Return a key without its secret."""
    return render.key(await parts.access.keys.get(who.org_id, key_id, who.project))


@router.patch("/keys/{key_id}", responses=errors(404, 409))
async def change_key(key_id: KeyId, body: ChangeKey, who: ProjectAdmin, parts: Parts) -> KeyAnswer:
    """Change a key's name, permissions, scopes, expiry or rate limit. Every process knows it within five seconds."""
    stored = await parts.access.keys.change(who.org_id, key_id, _changes(body), who.project)
    parts.access.authenticator.forget(key_id)
    return render.key(stored)


@router.post("/keys/{key_id}/rotate", responses=errors(404, 409), summary="Rotate a key")
async def rotate_key(key_id: KeyId, who: ProjectAdmin, parts: Parts, body: RotateKey | None = None) -> KeyCreated:
    """Give a key a new secret, shown in this answer only. The one before works for `overlap_s` longer.

    Rotate again before its end, and the secret of two rotations ago ends at once.
    """
    secret, key = parts.access.authenticator.again(key_id)
    overlap_s = body.overlap_s if body is not None else 0
    stored = await parts.access.keys.rotate(who.org_id, key_id, secret, overlap_s, who.project)
    parts.access.authenticator.forget(key_id)
    return KeyCreated(**render.key_fields(stored), key=key)


@router.delete("/keys/{key_id}", status_code=204, responses=errors(404, 409))
async def revoke_key(key_id: KeyId, who: ProjectAdmin, parts: Parts) -> Response:
    """Revoke a key. It stops working within five seconds."""
    await parts.access.keys.revoke(who.org_id, key_id, who.project)
    parts.access.authenticator.forget(key_id)
    return Response(status_code=204)


def _changes(body: ChangeKey) -> KeyChanges:
    refuse_null(body, _MAY_BE_NULL)
    changes: KeyChanges = {}
    if body.name is not None:
        changes["name"] = body.name
    if body.permissions is not None:
        changes["permissions"] = list(in_order(body.permissions))
    if body.scopes is not None:
        changes["scopes"] = list(Scopes.of(body.scopes).texts)
    if "expires_at" in body.model_fields_set:
        changes["expires_ms"] = _expiry(body)
    if "requests_per_minute" in body.model_fields_set:
        changes["requests_per_minute"] = body.requests_per_minute
    return changes


def _expiry(body: CreateKey | ChangeKey) -> int | None:
    if body.expires_at is None:
        return None
    expires_ms = int(body.expires_at.timestamp() * 1000)
    if expires_ms <= now_ms():
        problem = Problem("expires_at", "is in the past", "give a later time, or revoke the key by DELETE")
        raise InvalidInput.of(problem)
    return expires_ms
