"""Approvals: a person's answer to what a policy asks before a step calls a tool."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Header

from api.dependencies import Parts, RunAdmin, RunId
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render
from api.routers.errors import errors
from schemas.api_models.runs import MAX_ID_LENGTH, AnswerApproval, ApprovalAccepted
from schemas.errors import NotFound
from services.runs.approvals import Answer

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@router.post("/{run_id}/approvals", status_code=202, responses=errors(404, 409), summary="Answer what a step asks")
async def answer_approval(
    run_id: RunId,
    body: AnswerApproval,
    who: RunAdmin,
    parts: Parts,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=MAX_ID_LENGTH, description="A run takes an answer with this key once."),
    ] = None,
) -> ApprovalAccepted:
    """Answer what a step asks before it calls a tool: yes lets it do this very call, no fails the step."""
    said = Answer(
        run_id, body.step, body.approve, f"key:{who.key_id}", body.question, idempotency_key or str(uuid.uuid4())
    )
    try:
        found = await parts.runs.approvals.answer(who.org_id, said)
    except NotFound as exc:
        raise await parts.runs.known.unknown(run_id) from exc
    return ApprovalAccepted(
        id=run_id,
        step=body.step,
        approve=body.approve,
        question=found.question,
        asked=found.summary,
        signal_id=found.signal_id,
        status=found.status,
        links=render.links(run_id, found.workflow_name, found.workflow_version),
    )
