"""Evaluations of prompts: runs that ask versions the cases of a dataset, and reports of what they were worth."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import HTMLResponse

from api.caller import Caller
from api.cancels import request_cancel
from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.strict_json import StrictJsonRoute
from api.render import evaluations as render
from api.routers.errors import errors
from api.services import Services
from connectors.postgres.evaluations import StoredEvaluation
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.prompts.evaluations import (
    CreateEvaluation,
    EvaluationAnswer,
    EvaluationCancelAccepted,
    EvaluationPage,
    EvaluationSummary,
    LabelAnswers,
    LabelsAccepted,
)
from schemas.api_models.runs import MAX_ID_LENGTH, CancelRun
from schemas.errors import Conflict, NotFound
from schemas.prompts.evaluations import Report
from schemas.spec.model import NAME_PATTERN
from schemas.values.fields import ASCII_INTEGER
from services.prompts.evaluations.html import html_of_report
from services.prompts.evaluations.junit import junit_of_report
from services.prompts.evaluations.labels import Label
from services.prompts.evaluations.start import Sender

router = APIRouter(prefix="/api/v1/evaluations", tags=["evaluations"], route_class=StrictJsonRoute)

_XML = "application/xml"
#: What a report says of answers is data, whatever it looks like.
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}

EvaluationId = Annotated[str, Path(pattern=r"^eval_[0-9a-f]{24}$")]


@router.post("", status_code=202, responses=errors(404, 409, 413), summary="Start an evaluation")
async def create_evaluation(
    body: CreateEvaluation,
    who: PromptWriter,
    parts: Parts,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=MAX_ID_LENGTH, description="The same key is the same evaluation."),
    ] = None,
) -> EvaluationSummary:
    """Start an evaluation as a run. Read how far it is, and its report, at its id."""
    who.require_named("prompt", body.prompt)
    who.require_named("prompt", body.dataset.partition("@")[0])
    body = body.model_copy(update={"project": who.in_project(body.project)})
    sender = Sender(org_id=who.org_id, key_id=who.key_id, project=who.project, idempotency_key=idempotency_key)
    with parts.runs.bound.place():
        made = await parts.evaluations.starts.start(sender, body)
    return render.summary(made)


@router.get("", responses=errors())
async def list_evaluations(
    who: PromptReader,
    parts: Parts,
    prompt: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 50,
    cursor: Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the previous page.")] = None,
) -> EvaluationPage:
    """List evaluations, the newest first, without their reports. ``state`` is that of their runs."""
    like = who.scopes.like("prompt")
    found, more = await parts.evaluations.stored.page(
        who.org_id, limit, prompt=prompt, project=who.project, prompts_like=like, cursor=cursor
    )
    states = await parts.evaluations.results.states(who.org_id, found)
    return EvaluationPage(evaluations=list(map(render.line, found, states)), next_cursor=more)


@router.get("/{evaluation_id}", responses=errors(404))
async def get_evaluation(evaluation_id: EvaluationId, who: PromptReader, parts: Parts) -> EvaluationAnswer:
    """Return how far an evaluation is and, when its run has succeeded, its report."""
    one = await _owned(parts, who, evaluation_id)
    results = parts.evaluations.results
    status = await results.status(who.org_id, one)
    return render.evaluation(await results.with_report(who.org_id, one, status), status)


@router.post("/{evaluation_id}/cancel", status_code=202, responses=errors(404, 409), summary="Cancel an evaluation")
async def cancel_evaluation(
    evaluation_id: EvaluationId, who: PromptWriter, parts: Parts, body: CancelRun | None = None
) -> EvaluationCancelAccepted:
    """Ask for the run of the evaluation to be cancelled, as keys that are limited to prompts can."""
    one = await _owned(parts, who, evaluation_id)
    found = await request_cancel(parts, who, one.run_id, body.reason if body else "")
    return EvaluationCancelAccepted(id=one.id, run_id=one.run_id, state=found.status)


@router.post("/{evaluation_id}/labels", responses=errors(404), summary="Label answers")
async def label_answers(
    evaluation_id: EvaluationId, body: LabelAnswers, who: PromptWriter, parts: Parts
) -> LabelsAccepted:
    """Add what people say of answers, by which judges are calibrated."""
    one = await _owned(parts, who, evaluation_id)
    labels = msgspec.convert([label.model_dump() for label in body.labels], list[Label])
    return LabelsAccepted(id=one.id, labels=await parts.evaluations.results.label(who.org_id, one, labels))


@router.get(
    "/{evaluation_id}/report.html",
    response_class=HTMLResponse,
    responses=errors(404, 409),
    summary="Read a report as HTML",
)
async def get_evaluation_html(evaluation_id: EvaluationId, who: PromptReader, parts: Parts) -> HTMLResponse:
    """Return the report as a page of its own, which loads nothing."""
    one = await _reported(parts, who, evaluation_id)
    return HTMLResponse(html_of_report(msgspec.convert(one.report, Report)), headers=_PAGE_HEADERS)


@router.get(
    "/{evaluation_id}/junit.xml",
    response_class=Response,
    responses={200: {"content": {_XML: {"schema": {"type": "string"}}}}, **errors(404, 409)},
    summary="Read a report as JUnit",
)
async def get_evaluation_junit(evaluation_id: EvaluationId, who: PromptReader, parts: Parts) -> Response:
    """Return the report as a test suite: a test case for each case, which fails where it got worse."""
    one = await _reported(parts, who, evaluation_id)
    cases = await parts.evaluations.results.cases(who.org_id, one)
    found = junit_of_report(msgspec.convert(one.report, Report), cases, render.failures_of(one))
    return Response(found, media_type=_XML)


async def _reported(parts: Services, who: Caller, evaluation_id: str) -> StoredEvaluation:
    """Return an evaluation with its report. Raises ``Conflict`` while there is none."""
    one, results = await _owned(parts, who, evaluation_id), parts.evaluations.results
    status = await results.status(who.org_id, one)
    found = await results.with_report(who.org_id, one, status)
    if found.report is None:
        raise Conflict(f"evaluation {evaluation_id} is {status.state} and has no report; see its `state` and `error`")
    return found


async def _owned(parts: Services, who: Caller, evaluation_id: str) -> StoredEvaluation:
    """Return an evaluation. One of another project, or of a prompt beyond the key's scopes, is unknown to the key."""
    one = await parts.evaluations.stored.get(who.org_id, evaluation_id)
    if (who.project is not None and one.project != who.project) or not who.scopes.allow("prompt", one.prompt):
        raise NotFound(f"there is no evaluation {evaluation_id}; see GET /api/v1/evaluations")
    return one
