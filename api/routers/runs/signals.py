"""Signals: events from outside, sent to a run."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path

from api.dependencies import Parts, RunId, RunWriter
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render
from api.routers.errors import errors
from schemas.api_models.runs import MAX_ID_LENGTH, SignalAccepted
from schemas.errors import NotFound
from schemas.ids import HTTP_SOURCE
from schemas.spec.model import NAME_PATTERN
from schemas.tables.signals import signal_id
from services.runs.signals import SignalRequest

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@router.post("/{run_id}/signals/{name}", status_code=202, responses=errors(404, 409, 413), summary="Send a signal")
async def send_signal(
    run_id: RunId,
    name: Annotated[str, Path(pattern=NAME_PATTERN)],
    who: RunWriter,
    parts: Parts,
    data: Annotated[
        Any, Body(description="Any JSON value; it becomes the output of the step that waits for it.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=MAX_ID_LENGTH, description="A run accepts a signal with this key once."),
    ] = None,
) -> SignalAccepted:
    """Send a signal to a run. A signal that arrives before its step waits is kept for that step."""
    id_ = signal_id(HTTP_SOURCE, idempotency_key or str(uuid.uuid4()))
    try:
        to = await parts.runs.signals.prepare(who.org_id, SignalRequest(run_id, name, data, id_, who.key_id))
    except NotFound as exc:
        raise await parts.runs.known.unknown(run_id) from exc
    await parts.runs.signals.send([to.record])
    where = render.links(run_id, to.workflow_name, to.workflow_version)
    return SignalAccepted(id=run_id, signal=name, signal_id=id_, status=to.status, links=where)
