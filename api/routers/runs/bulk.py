"""Many runs at once: cancel or retry by filter."""

from fastapi import APIRouter

from api.dependencies import Parts, WorkflowWriter
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import time_ms
from connectors.postgres.history.runs import RunFilter
from schemas.api_models.bulk import BulkAction, BulkAnswer, BulkDone, BulkProblem, BulkRuns
from schemas.errors import InvalidInput, Problem
from schemas.run_states import RunState
from services.runs.bulk import Done

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)

#: Statuses that an action may select, and those that it selects by default.
_FITTING: dict[BulkAction, tuple[RunState, ...]] = {"cancel": ("queued", "running"), "retry": ("failed", "canceled")}
_BY_DEFAULT: dict[BulkAction, tuple[RunState, ...]] = {"cancel": ("queued", "running"), "retry": ("failed",)}


@router.post("/bulk", responses=errors(429), summary="Cancel or retry by filter")
async def bulk_runs(body: BulkRuns, who: WorkflowWriter, parts: Parts) -> BulkAnswer:
    """Cancel or retry runs of history, newest first. It is a dry run unless `dry_run` is `false`.

    A retry restarts a run from its unsuccessful steps, once: a repeated request answers with `already`. Runs that were
    started by another run's step, which waits for them, are not retried by themselves: their parents are.
    """
    wanted = RunFilter(
        statuses=_statuses(body),
        workflow=body.workflow,
        tags=body.tags,
        since_ms=time_ms("since", body.since),
        until_ms=time_ms("until", body.until),
        workflows_like=who.scopes.like("workflow"),
        project=who.in_project(body.project),
        awaited=body.action == "cancel",
        cursor=body.cursor,
        limit=body.limit,
    )
    total = await parts.runs.history.count(who.org_id, wanted)
    lines, next_cursor = await parts.runs.history.page(who.org_id, wanted)
    ids = [line.id for line in lines]
    outcomes: list[Done] = []
    if not body.dry_run:
        with parts.runs.bound.place():
            outcomes = (
                await parts.runs.bulk.cancel(who.org_id, ids, who.key_id)
                if body.action == "cancel"
                else await parts.runs.bulk.retry(who.org_id, ids)
            )
    return BulkAnswer(
        action=body.action,
        dry_run=body.dry_run,
        total=total,
        ids=ids,
        done=[BulkDone(id=o.id, run_id=o.run_id, already=o.already) for o in outcomes if o.problem is None],
        problems=[BulkProblem(id=o.id, message=o.problem) for o in outcomes if o.problem is not None],
        next_cursor=next_cursor,
    )


def _statuses(body: BulkRuns) -> tuple[RunState, ...]:
    if body.status is None:
        return _BY_DEFAULT[body.action]
    if body.status not in _FITTING[body.action]:
        fix = f"choose one of {', '.join(_FITTING[body.action])}"
        problem = Problem("status", f"runs with status {body.status} cannot be selected for {body.action}", fix)
        raise InvalidInput.of(problem)
    return (body.status,)
