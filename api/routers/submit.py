"""Submission of a run."""

import re
from typing import Annotated

from fastapi import APIRouter, Header

from api.dependencies import Parts, Writer
from api.http.submit_route import SubmitRoute
from api.render import runs
from api.routers.errors import errors
from schemas.api_models.runs import MAX_ID_LENGTH, RunAccepted, SubmitRun
from schemas.ids import HTTP_SOURCE

router = APIRouter(prefix=runs.RUNS, tags=["runs"], route_class=SubmitRoute)

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@router.post("", status_code=202, responses=errors(404, 413, 429), summary="Submit a run")
async def submit_run(
    body: SubmitRun,
    who: Writer,
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
) -> RunAccepted:
    """Accept a run. After the answer 202 the run will reach an end; read it at `links.self`."""
    trace = traceparent if traceparent is not None and _TRACEPARENT.fullmatch(traceparent) else None
    with parts.runs.bound.place():
        record = await parts.runs.submissions.prepare(who.org_id, HTTP_SOURCE, idempotency_key, body, trace)
        submitted = await parts.runs.submissions.submit(record)
    return runs.accepted(submitted.receipt, submitted.duplicate)
