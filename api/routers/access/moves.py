"""Moves of organisations to other cells, which the bootstrap key orders."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Parts, Platform
from api.http.strict_json import StrictJsonRoute
from api.routers.access.organisations import OrganisationId
from api.routers.errors import errors
from api.services import CellServices, Services
from connectors.postgres.cells.moves import NewMove, StoredMove
from schemas.api_models.base import timestamp
from schemas.api_models.operations.moves import MoveAnswer, MoveOrganisation, MovePlan, MoveRemains
from schemas.configuration.cells import NAME_PATTERN
from schemas.errors import Conflict
from services.cells.planning import peer_named
from services.cells.remains import Remains

ToCell = Annotated[str, Query(pattern=f"^{NAME_PATTERN}$", description="The other cell, as CELLS_FILE names it.")]
WithKeys = Annotated[bool, Query(description="Also its keys: their holders are not sent to the other cell any more.")]

router = APIRouter(prefix="/api/v1/organisations/{org_id}/moves", tags=["access"], route_class=StrictJsonRoute)


@router.post("", status_code=202, responses=errors(404, 409), summary="Move an organisation to another cell")
async def move_organisation(org_id: OrganisationId, body: MoveOrganisation, who: Platform, parts: Parts) -> MoveAnswer:
    """Begin to move an organisation to another cell; requires the bootstrap key, and the other cell's token here.

    Its submissions are refused at once, its runs may end; then everything is copied, compared and switched.
    """
    cells = _cells(parts)
    peer = peer_named(cells.peers, body.to)
    await parts.access.organisations.get(org_id)
    await cells.planning.check(org_id, peer)
    new = NewMove(uuid.uuid4().hex, org_id, peer.name, peer.url, who.actor, body.wait_s)
    return _answer(await cells.moves.create(new))


@router.get("/plan", responses=errors(404, 409), summary="Say what a move would find")
async def plan_move(org_id: OrganisationId, to: ToCell, _: Platform, parts: Parts) -> MovePlan:
    """Say what stands against a move, what is open, and what stays behind; nothing is changed."""
    cells = _cells(parts)
    peer = peer_named(cells.peers, to)
    await parts.access.organisations.get(org_id)
    found = await cells.planning.plan(org_id, peer)
    return MovePlan(
        organisation=org_id,
        to=peer.name,
        against=found.against,
        open=dict(found.open),
        stays=list(found.stays),
        behind=dict(found.behind),
    )


@router.get("", responses=errors(404, 409), summary="Show the newest move of an organisation")
async def get_move(org_id: OrganisationId, _: Platform, parts: Parts) -> MoveAnswer:
    """Show an organisation's newest move away from this cell."""
    return _answer(await _cells(parts).moves.newest(org_id))


@router.post("/abort", status_code=202, responses=errors(404, 409), summary="Abort a move")
async def abort_move(org_id: OrganisationId, _: Platform, parts: Parts) -> MoveAnswer:
    """Abort a move: the organisation is here again. One that has opened in the other cell ends there."""
    return _answer(await _cells(parts).moves.request_abort(org_id))


@router.get("/remains", responses=errors(404, 409), summary="Say what an organisation left behind")
async def get_remains(org_id: OrganisationId, _: Platform, parts: Parts, keys: WithKeys = False) -> MoveRemains:
    """Count what an organisation that moved away left in this cell; nothing is changed."""
    return _remains(await _cells(parts).removal.look(org_id, keys=keys))


@router.delete("/remains", responses=errors(404, 409), summary="Remove what an organisation left behind")
async def remove_remains(org_id: OrganisationId, _: Platform, parts: Parts, keys: WithKeys = False) -> MoveRemains:
    """Remove what an organisation left in this cell, for some seconds; repeat it until nothing is left.

    409 while its move has not ended, or the other cell does not say that the organisation is open there.
    """
    return _remains(await _cells(parts).removal.remove(org_id, keys=keys))


def _remains(found: Remains) -> MoveRemains:
    return MoveRemains(
        organisation=found.left.org_id,
        cell=found.left.cell,
        counts=dict(found.counts),
        removed=dict(found.removed),
        stays=list(found.stays),
    )


def _cells(parts: Services) -> CellServices:
    if parts.cells is None:
        raise Conflict("this site is no cell; set CELL_NAME and CELLS_FILE for the API")
    return parts.cells


def _answer(move: StoredMove) -> MoveAnswer:
    return MoveAnswer(
        id=move.id,
        organisation=move.org_id,
        to=move.to_cell,
        url=move.to_url,
        state=move.state,
        aborting=move.abort and move.ended_ms is None,
        problem=move.problem,
        copies=move.attempt,
        digests=move.report.get("digests", {}),
        copy_s=move.report.get("copy_s"),
        started_by=move.started_by,
        created_at=timestamp(move.created_ms),
        state_at=timestamp(move.state_ms),
        ended_at=timestamp(move.ended_ms),
    )
