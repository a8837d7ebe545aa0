"""Organisations, which the bootstrap key manages."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.auth import Minted
from api.dependencies import Parts, Platform
from api.http.strict_json import StrictJsonRoute
from api.render import access as render
from api.routers.errors import errors
from schemas.api_models.access import (
    ALL_PERMISSIONS,
    ID_PATTERN,
    ChangeOrganisation,
    CreateOrganisation,
    KeyCreated,
    OrganisationAnswer,
    OrganisationCreated,
    OrganisationPage,
)
from topics.catalogue import submissions_topic

OrganisationId = Annotated[str, Path(pattern=ID_PATTERN)]

router = APIRouter(prefix="/api/v1/organisations", tags=["access"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses=errors(409))
async def create_organisation(body: CreateOrganisation, _: Platform, parts: Parts) -> OrganisationCreated:
    """Create an organisation with its submissions topic and its first key; requires the bootstrap key."""
    minted: Minted = parts.access.authenticator.mint(body.id, "first key", ALL_PERMISSIONS)
    # The topic first: a topic without its organisation is harmless, and the request can be made again.
    await parts.definitions.topics.of_organisations([body.id])
    stored = await parts.access.keys.create_organisation(body.id, body.name, minted.stored)
    parts.definitions.publisher.wake()
    return OrganisationCreated(
        id=body.id,
        name=body.name,
        submissions_topic=submissions_topic(body.id),
        created_at=render.key(stored).created_at,
        key=KeyCreated(**render.key_fields(stored), key=minted.key),
    )


@router.get("", responses=errors())
async def list_organisations(_: Platform, parts: Parts) -> OrganisationPage:
    """List all organisations; requires the bootstrap key."""
    found = await parts.access.organisations.all()
    return OrganisationPage(organisations=[render.organisation(one) for one in found])


@router.get("/{org_id}", responses=errors(404))
async def get_organisation(org_id: OrganisationId, _: Platform, parts: Parts) -> OrganisationAnswer:
    """Return an organisation; requires the bootstrap key."""
    return render.organisation(await parts.access.organisations.get(org_id))


@router.patch("/{org_id}", responses=errors(404))
async def change_organisation(
    org_id: OrganisationId, body: ChangeOrganisation, _: Platform, parts: Parts
) -> OrganisationAnswer:
    """Change an organisation's name, or what it allows; its id stays. Requires the bootstrap key."""
    stored = await parts.access.organisations.change(org_id, body.name, jinja_prompts=body.jinja_prompts)
    parts.definitions.publisher.wake()
    return render.organisation(stored)
