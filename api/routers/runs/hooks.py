"""Incoming webhooks: other systems post to an address, which is or is not enough to be let in."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.acts import Sender
from api.dependencies import Parts
from api.routers.errors import errors
from connectors.log_context import log_for
from connectors.postgres.triggers.stored import StoredTrigger
from schemas.api_models.operations.triggers import HookAnswer
from schemas.trace_context import CONTEXT, sender_context
from schemas.triggers.definition import source_of
from services.triggers.hooks import Arrived

router = APIRouter(prefix="/api/v1/hooks", tags=["triggers"], route_class=APIRoute)
JSON = "application/json"
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Any JSON. Signatures are over these very bytes.",
        "content": {JSON: {"schema": {}, "example": {"action": "opened"}}},
    }
}
Address = Annotated[str, Path(max_length=200, description="The address that the trigger's answer showed, once.")]


@router.post(
    "/{address}",
    status_code=202,
    responses={200: {"description": "It was held back by the filter", "model": HookAnswer}, **errors(404, 413, 415)},
    openapi_extra=_BODY,
    summary="Take a request of another system",
)
async def take_request(address: Address, request: Request, parts: Parts, response: Response) -> HookAnswer:
    """Submit the run of a request. No key is needed: the address, or a signature, says who sends.

    The answer 202 comes after the log has the run. The same idempotency key is the same run; what the filter holds
    back is answered with 200.
    """
    refuse_no_json(request.headers.get("content-type", ""))

    def known(trigger: StoredTrigger) -> None:
        request.state.sender = Sender(trigger.org_id, source_of(trigger.id))
        log_for(trigger.org_id, traceparent=request.headers.get("traceparent", ""))

    arrived = Arrived(
        address=address,
        headers=dict(request.headers),
        query=dict(request.query_params),
        body=await request.body(),
        trace=sender_context(*map(request.headers.get, CONTEXT)),
    )
    with parts.runs.bound.place():
        submitted = await parts.triggers.hooks.take(arrived, known)
    if submitted is None:
        response.status_code = 200
        return HookAnswer(filtered=True)
    return HookAnswer(run_id=submitted.receipt.run_id, duplicate=submitted.duplicate)


def refuse_no_json(content_type: str) -> None:
    """Raise 415 for a body that says that it is something else."""
    said = content_type.partition(";")[0].strip().lower()
    if said and said != JSON and not said.endswith("+json"):
        raise HTTPException(415, f"send {JSON}; this is {said[:60]}. Many senders have a setting for it")
