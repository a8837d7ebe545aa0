"""Updates: signals to a run whose answer the sender waits for."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Response

from api.caller import Caller
from api.dependencies import Parts, RunId, RunReader, RunWriter
from api.http.strict_json import StrictJsonRoute
from api.reading import reading_of, record, restored_steps, seen_step, subject_of
from api.render import runs as render
from api.routers.errors import errors
from api.services import Services
from connectors.postgres.history.runs import StoredStep
from schemas.api_models.runs import MAX_ID_LENGTH, Failure, UpdateAnswer
from schemas.errors import NotFound
from schemas.ids import HTTP_SOURCE
from schemas.payload import MissingPath, walk
from schemas.spec.model import NAME_PATTERN
from schemas.tables.signals import signal_id
from schemas.values.fields import ASCII_INTEGER
from services.privacy.subjects.reading import opened_step
from services.runs.signals import SignalRequest
from services.runs.updates import Update, unknown_update

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)

_Name = Annotated[str, Path(pattern=NAME_PATTERN)]
_Timeout = Annotated[
    int, Query(ge=0, le=60_000, description="Wait for the answer for so many milliseconds at most."), ASCII_INTEGER
]


@router.post(
    "/{run_id}/updates/{name}",
    responses=errors(404, 409, 413) | {202: {"model": UpdateAnswer, "description": "It is not answered yet."}},
    summary="Send an update",
)
async def send_update(
    run_id: RunId,
    name: _Name,
    who: RunWriter,
    parts: Parts,
    response: Response,
    data: Annotated[
        Any, Body(description="Any JSON value; it becomes the output of the step that waits for it.")
    ] = None,
    timeout_ms: _Timeout = 10_000,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=MAX_ID_LENGTH, description="A run accepts an update with this key once."),
    ] = None,
) -> UpdateAnswer:
    """Send a signal to a run, and wait for the output of the node that answers it.

    202 when that takes longer than `timeout_ms`: ask again for its `update_id`, or send it again with the same key.
    """
    id_ = signal_id(HTTP_SOURCE, idempotency_key or str(uuid.uuid4()))
    with parts.runs.waiting_updates.place():
        is_known = idempotency_key is not None and await parts.runs.updates.find(who.org_id, run_id, id_) is not None
        if not is_known:
            await _send(parts, who, SignalRequest(run_id, name, data, id_, who.key_id))
        found = await parts.runs.updates.wait(who.org_id, run_id, id_, timeout_ms / 1000)
    if found.state == "pending":
        response.status_code = 202
    return await _answer(parts, who, run_id, name, id_, found)


@router.get("/{run_id}/updates/{name}/{update_id}", responses=errors(404), summary="Get an update")
async def get_update(
    run_id: RunId,
    name: _Name,
    update_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")],
    who: RunReader,
    parts: Parts,
) -> UpdateAnswer:
    """Return what became of an update."""
    found = await parts.runs.updates.find(who.org_id, run_id, update_id)
    if found is None:
        raise unknown_update(run_id, update_id)
    return await _answer(parts, who, run_id, name, update_id, found)


async def _send(parts: Services, who: Caller, wish: SignalRequest) -> None:
    try:
        to = await parts.runs.signals.prepare(who.org_id, wish)
    except NotFound as exc:
        raise await parts.runs.known.unknown(wish.run_id) from exc
    await parts.runs.updates.check_answers(who.org_id, to.workflow_name, to.workflow_version, wish.name)
    await parts.runs.signals.send([to.record])


async def _answer(parts: Services, who: Caller, run_id: str, name: str, id_: str, found: Update) -> UpdateAnswer:
    answer = UpdateAnswer(id=run_id, update=name, update_id=id_, state=found.state)
    if found.state == "answered" and found.step is not None:
        shown = render.step_answer(await _readable(parts, who, run_id, found.step), with_output=True)
        try:
            return answer.model_copy(update={"step": shown.id, "output": walk(shown.output, found.path)})
        except MissingPath as exc:
            return answer.model_copy(update={"state": "failed", "step": shown.id, "error": _failed(str(exc))})
    if found.state == "failed":
        shown_error = None if found.step is None else render.step_answer(found.step, with_output=False).error
        error = shown_error or _failed(_why(found))
        return answer.model_copy(update={"error": error, "step": found.step.step_id if found.step else None})
    return answer


async def _readable(parts: Services, who: Caller, run_id: str, step: StoredStep) -> StoredStep:
    """Return a step with the output that the caller may read."""
    if (reading := await reading_of(parts, who)) is not None:
        run = await parts.runs.history.status(who.org_id, run_id)
        if run is None:
            raise await parts.runs.known.unknown(run_id)
        step = seen_step(reading, subject_of(run), step)
        await record(parts, who, reading, run_id)
    opened = await opened_step(parts.runs.objects, who.org_id, step)
    return (await restored_steps(parts, who, run_id, [opened]))[0]


def _why(found: Update) -> str:
    if found.run_ended:
        return f"the run ended before it answered: it is {found.run_ended}"
    return f"the answering step was {found.step.status}" if found.step is not None else "no step answers it"


def _failed(message: str) -> Failure:
    return Failure(code="no_answer", message=message)
