"""Retention: how long runs are kept, legal holds, and the deletion of a run."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Admin, Parts, RunAdmin, RunId
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import time_ms
from connectors.postgres.history.run_holds import RunHold
from schemas.api_models.base import timestamp
from schemas.api_models.operations.retention import HoldRuns, RetentionAnswer, RunHoldAnswer, RunHoldPage
from schemas.configuration.audit_days import KINDS

HoldName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/retention", tags=["retention"], route_class=StrictJsonRoute)
deletion = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@router.get("", responses=errors(), summary="How long runs and audit entries are kept")
async def get_retention(who: Admin, parts: Parts) -> RetentionAnswer:
    """Return for how long runs, traces, objects, single costs and audit entries are kept. Settings say so."""
    kept = parts.retention
    return RetentionAnswer(
        runs_days=kept.runs.of(who.org_id) or None,
        traces_days=kept.traces.of(who.org_id),
        objects_days=kept.objects.of(who.org_id) or None,
        costs_days=kept.costs.of(who.org_id) or None,
        audit_days={kind: kept.audit.kept(who.org_id, kind) or None for kind in KINDS},
    )


@router.post("/holds", status_code=201, responses=errors(409), summary="Create a legal hold of runs")
async def create_run_hold(body: HoldRuns, who: Admin, parts: Parts) -> RunHoldAnswer:
    """Hold runs: nothing deletes one that matches, however old it is."""
    hold = RunHold(
        name=body.name,
        reason=body.reason,
        run_id=body.run_id,
        workflow_name=body.workflow_name,
        since_ms=time_ms("since", body.since),
        until_ms=time_ms("until", body.until),
        created_by=who.key_id,
    )
    return _answer(await parts.retention.holds.create(who.org_id, hold))


@router.get("/holds", responses=errors(), summary="List legal holds of runs")
async def list_run_holds(who: Admin, parts: Parts) -> RunHoldPage:
    """List the legal holds in force."""
    return RunHoldPage(holds=[_answer(one) for one in await parts.retention.holds.all(who.org_id)])


@router.delete("/holds/{name}", status_code=204, responses=errors(404), summary="Remove a legal hold of runs")
async def remove_run_hold(name: HoldName, who: Admin, parts: Parts) -> Response:
    """Remove a legal hold. What is due is deleted within the hour."""
    await parts.retention.holds.remove(who.org_id, name)
    return Response(status_code=204)


@deletion.delete("/{run_id}", status_code=204, responses=errors(404, 409), summary="Delete a run")
async def delete_run(run_id: RunId, who: RunAdmin, parts: Parts) -> Response:
    """Delete a run that ended over an hour ago, with its steps, scores and traces. Costs and the audit log stay."""
    await parts.retention.deletion.delete(who.org_id, run_id, who.key_id)
    return Response(status_code=204)


def _answer(stored: RunHold) -> RunHoldAnswer:
    return RunHoldAnswer(
        name=stored.name,
        reason=stored.reason,
        run_id=stored.run_id,
        workflow_name=stored.workflow_name,
        since=timestamp(stored.since_ms),
        until=timestamp(stored.until_ms),
        created_by=stored.created_by,
        created_at=timestamp(stored.created_ms),
    )
