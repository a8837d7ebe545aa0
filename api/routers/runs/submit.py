"""Submission of a run."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from api.dependencies import Parts, WorkflowWriter
from api.http.submit_route import SubmitRoute
from api.render import runs
from api.routers.errors import errors
from schemas.api_models.event_batches import EventsTaken
from schemas.api_models.runs import MAX_ID_LENGTH, RunAccepted, RunDryRun, SubmitRun
from schemas.clock import now_ms
from schemas.cloudevents.event import BATCHED, STRUCTURED
from schemas.cloudevents.http import MAX_BATCH
from schemas.cloudevents.submission import EVENT_TYPE
from schemas.ids import HTTP_SOURCE
from schemas.labels.label import Integrity
from schemas.trace_context import sender_context
from services.runs.submitting.drafts import Asked

router = APIRouter(prefix=runs.RUNS, tags=["runs"], route_class=SubmitRoute)

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"type": "string", "pattern": "^1\\."},
        "id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "source": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "type": {"const": EVENT_TYPE},
        "data": {"$ref": "#/components/schemas/SubmitRun"},
    },
}
_EXAMPLE = {
    "specversion": "1.0",
    "id": "order-17",
    "source": "urn:example:orders",
    "type": EVENT_TYPE,
    "data": {"workflow_name": "document_analysis", "inputs": {"document_key": "sample.txt"}},
}
_EVENTS: dict[str, Any] = {
    "requestBody": {
        "content": {
            f"{STRUCTURED}+json": {"schema": _EVENT, "example": _EXAMPLE},
            f"{BATCHED}+json": {
                "schema": {"type": "array", "items": _EVENT, "maxItems": MAX_BATCH},
                "example": [_EXAMPLE],
            },
        }
    }
}
#: Stands for the response in the route's own parsing, which answers no dry run.
OK = Response()


@router.post(
    "",
    status_code=202,
    responses={
        200: {"description": "It was a dry run", "model": RunDryRun},
        207: {"description": "A batch of events of which some were refused", "model": EventsTaken},
        **errors(404, 413, 429),
    },
    summary="Submit a run",
    openapi_extra=_EVENTS,
)
async def submit_run(
    body: SubmitRun,
    who: WorkflowWriter,
    parts: Parts,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=MAX_ID_LENGTH,
            description="The submission's id: the same key with the same body is the same run, however often it "
            "is sent, also as a CloudEvent with `source` `api` and this `id`. Another body with it is 422.",
        ),
    ] = None,
    traceparent: Annotated[str | None, Header(description="W3C trace context of the sender.")] = None,
    tracestate: Annotated[str | None, Header(description="W3C trace state of the sender, sent on as it is.")] = None,
    baggage: Annotated[str | None, Header(description="W3C baggage; up to 8 short members become tags.")] = None,
    response: Response = OK,
    dry_run: Annotated[bool, Query(description="Answer what would happen with 200, and do nothing.")] = False,
) -> RunAccepted | RunDryRun | EventsTaken:
    """Accept a run. After the answer 202 the run will reach an end; read it at `links.self`.

    A CloudEvent submits the run of its `data`, in structured or in binary mode (headers `ce-*`): its `source` and `id`
    name the submission, on every door. A batch of up to 100 events is answered with what became of each.
    """
    who.require_named("workflow", body.workflow_name)
    if (project := who.in_project(body.project)) != body.project:
        body = body.model_copy(update={"project": project})
    if dry_run:
        response.status_code = 200
        asked = Asked(who.org_id, HTTP_SOURCE, idempotency_key, body, api_key=who.key_id, door=Integrity.USER)
        return runs.dry_run(await parts.runs.dry_runs.of(asked), now_ms())
    trace = sender_context(traceparent, tracestate, baggage)
    with parts.runs.bound.place():
        record = await parts.runs.submissions.prepare(
            who.org_id, HTTP_SOURCE, idempotency_key, body, trace, who.key_id, door=Integrity.USER
        )
        submitted = await parts.runs.submissions.submit(record)
    return runs.accepted(submitted.receipt, submitted.duplicate)
