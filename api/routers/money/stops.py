"""Emergency stops and pauses: no call is made of what they name, until they are resumed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.money.stops import StoredStop
from schemas.api_models.base import timestamp
from schemas.api_models.stops import CreateStop, StopAnswer, StopPage

StopId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/stops", tags=["budgets"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses=errors(413))
async def create_stop(body: CreateStop, who: Writer, parts: Parts) -> StopAnswer:
    """Stop or pause calls. Every worker knows it within a second; calls that were made already are finished and paid.

    A `target` that does not exist is 422, unless `allow_unknown` is true.
    """
    if not body.allow_unknown:
        await parts.money.targets.check_budget(who.org_id, body.scope, body.target)
    stored = await parts.money.stops.create(who.org_id, body.scope, body.target, body.mode, body.reason, who.key_id)
    parts.definitions.publisher.wake()
    return _answer(stored)


@router.get("", responses=errors())
async def list_stops(
    who: Reader,
    parts: Parts,
    resumed: Annotated[bool, Query(description="Also those that were resumed.")] = False,
) -> StopPage:
    """List the stops that are in force."""
    return StopPage(stops=[_answer(stored) for stored in await parts.money.stops.all(who.org_id, resumed=resumed)])


@router.delete("/{stop_id}", responses=errors(404))
async def resume(stop_id: StopId, who: Writer, parts: Parts) -> StopAnswer:
    """Resume the calls of a stop. Every worker knows it within a second; paused steps ask again within 15 seconds."""
    stored = await parts.money.stops.resume(who.org_id, stop_id, who.key_id)
    parts.definitions.publisher.wake()
    return _answer(stored)


def _answer(stored: StoredStop) -> StopAnswer:
    stop = stored.stop
    return StopAnswer(
        id=stop.id,
        scope=stop.scope,
        target=stop.target,
        mode=stop.mode,
        reason=stop.reason,
        created_by=stored.created_by,
        created_at=timestamp(stored.created_ms),
        resumed_by=stored.resumed_by,
        resumed_at=timestamp(stored.resumed_ms),
    )
