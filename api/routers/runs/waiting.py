"""Reasons why a run waits."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query

from api.caller import Caller
from api.dependencies import Parts, RunId, RunReader, WorkflowReader, owned_runs
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render
from api.routers.errors import errors
from api.services import Services
from schemas.api_models.waiting import MAX_RUNS, RunIdText, RunsWaiting, RunWaiting, StepWaiting, WaitingOf
from schemas.tables.wait_reasons import Wait
from services.runs.explain_waiting import RunWaits

RunIds = Annotated[
    list[RunIdText], Query(min_length=1, max_length=MAX_RUNS, description="A run; repeat it for each run.")
]

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@router.get("/{run_id}/waiting", responses=errors(404), summary="Why is it waiting?")
async def get_waiting(run_id: RunId, who: RunReader, parts: Parts) -> RunWaiting:
    """Say of every step that has not settled on what it waits. It asks claims and lanes, so ask now and then."""
    found = await parts.runs.waits.of(who.org_id, run_id)
    if found is None:
        receipt = await parts.runs.markers.find(who.org_id, run_id)
        if receipt is None:
            raise await parts.runs.known.unknown(run_id)
        found = RunWaits("queued", Wait("admission", detail="the run was accepted, and is not in history yet"), [])
    return _answer(run_id, found)


@router.get("/waiting", responses=errors(), summary="Why are they waiting?")
async def get_waiting_of_many(ids: RunIds, who: WorkflowReader, parts: Parts) -> RunsWaiting:
    """Say of up to 50 runs at once on what each waits, as `/{run_id}/waiting` says it of one."""
    return await _of_many(parts, who, ids)


@router.post("/waiting", responses=errors(), summary="Why are they waiting?")
async def ask_waiting_of_many(body: WaitingOf, who: WorkflowReader, parts: Parts) -> RunsWaiting:
    """Say the same as `GET` does, for ids in a body."""
    return await _of_many(parts, who, body.ids)


async def _of_many(parts: Services, who: Caller, ids: Iterable[str]) -> RunsWaiting:
    asked = list(dict.fromkeys(ids))
    own = await owned_runs(parts, who, asked)
    found = {run_id: await parts.runs.waits.of(who.org_id, run_id) if run_id in own else None for run_id in asked}
    return RunsWaiting(
        runs=[_answer(run_id, waits) for run_id, waits in found.items() if waits is not None],
        unknown=[run_id for run_id, waits in found.items() if waits is None],
    )


def _answer(run_id: str, found: RunWaits) -> RunWaiting:
    return RunWaiting(
        id=run_id,
        status=found.status,
        waiting=render.waiting(found.wait) if found.wait is not None else None,
        steps=[
            StepWaiting(id=s.step_id, node_id=s.node_id, status=s.state, waiting=render.waiting(s.wait))
            for s in found.steps
        ],
        left_out=found.left_out,
    )
