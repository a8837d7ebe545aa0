"""API keys and organisations."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Minted
from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.render import runs
from api.routers.errors import errors
from schemas.api_models.access import (
    ALL_PERMISSIONS,
    CreateKey,
    CreateOrganisation,
    KeyCreated,
    KeyPage,
    OrganisationCreated,
)
from schemas.errors import Forbidden
from topics.catalogue import submissions_topic

KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=StrictJsonRoute)


@router.post("/keys", status_code=201, responses=errors())
async def create_key(body: CreateKey, who: Admin, parts: Parts) -> KeyCreated:
    """Create a key of the caller's organisation. The answer is the only place where the key is shown."""
    minted = parts.access.authenticator.mint(who.org_id, body.name, body.permissions)
    stored = await parts.access.keys.create(minted.stored)
    return KeyCreated(**runs.key_fields(stored), key=minted.key)


@router.get("/keys", responses=errors())
async def list_keys(who: Admin, parts: Parts) -> KeyPage:
    """List the organisation's keys, without their secrets."""
    return KeyPage(keys=[runs.key(stored) for stored in await parts.access.keys.all(who.org_id)])


@router.delete("/keys/{key_id}", status_code=204, responses=errors(404, 409))
async def revoke_key(key_id: KeyId, who: Admin, parts: Parts) -> Response:
    """Revoke a key. It stops working within five seconds."""
    await parts.access.keys.revoke(who.org_id, key_id)
    parts.access.authenticator.forget(key_id)
    return Response(status_code=204)


@router.post("/organisations", status_code=201, responses=errors(409))
async def create_organisation(body: CreateOrganisation, who: Admin, parts: Parts) -> OrganisationCreated:
    """Create an organisation with its submissions topic and its first key; requires the bootstrap key."""
    if not who.bootstrap:
        raise Forbidden("only the bootstrap key (API_KEY) makes organisations")
    minted: Minted = parts.access.authenticator.mint(body.id, "first key", ALL_PERMISSIONS)
    # The topic first: a topic without its organisation is harmless, and the request can be made again.
    await parts.definitions.topics.of_organisations([body.id])
    stored = await parts.access.keys.create_organisation(body.id, body.name, minted.stored)
    parts.definitions.publisher.wake()
    return OrganisationCreated(
        id=body.id,
        name=body.name,
        submissions_topic=submissions_topic(body.id),
        key=KeyCreated(**runs.key_fields(stored), key=minted.key),
    )
