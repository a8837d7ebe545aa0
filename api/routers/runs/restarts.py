"""Restarts and forks: a new run from a step of an ended one, or with other inputs."""

from typing import Annotated

from fastapi import APIRouter, Header

from api.dependencies import Parts, RunId, RunWriter
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render
from api.routers.errors import errors
from schemas.api_models.restarts import ForkRun, RestartRun, RunForked
from schemas.api_models.runs import MAX_ID_LENGTH
from services.runs.restart import Again

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="The same key for the same run returns the same new run, however often it is sent.",
    ),
]


@router.post("/{run_id}/restart", status_code=202, responses=errors(404, 409, 413), summary="Restart from a step")
async def restart_run(
    run_id: RunId, who: RunWriter, parts: Parts, body: RestartRun | None = None, idempotency_key: Key = None
) -> RunForked:
    """Start a new run that reuses this run's results and executes `from` and everything after it again.

    Without `from`, it executes the unsuccessful steps again. Reused steps cost nothing.
    """
    return await _again(run_id, who, parts, Again(body.start if body else None), idempotency_key)


@router.post("/{run_id}/fork", status_code=202, responses=errors(404, 409, 413), summary="Fork with other inputs")
async def fork_run(
    run_id: RunId, body: ForkRun, who: RunWriter, parts: Parts, idempotency_key: Key = None
) -> RunForked:
    """Start a new run with inputs merged over those of this run.

    With `from`, results of the other nodes are reused although they were made from the old inputs.
    """
    again = Again(body.start, body.inputs, everything=body.start is None)
    return await _again(run_id, who, parts, again, idempotency_key)


async def _again(run_id: str, who: RunWriter, parts: Parts, again: Again, key: str | None) -> RunForked:
    with parts.runs.bound.place():
        record = await parts.runs.restarts.prepare(who.org_id, run_id, again, key, who.key_id)
        submitted = await parts.runs.submissions.submit(record)
    answer = render.accepted(submitted.receipt, submitted.duplicate)
    return RunForked(**answer.model_dump(), forked_from=run_id, reused=list(record.reuse))
