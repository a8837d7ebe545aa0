"""Runs compared, and the causes of failed ones."""

from dataclasses import replace

from fastapi import APIRouter

from api.caller import Caller
from api.dependencies import Parts, WorkflowReader
from api.http.strict_json import StrictJsonRoute
from api.reading import require_readable
from api.render import trace_comparisons as render
from api.routers.errors import errors
from api.routers.filters import time_ms
from api.routers.traces.traces import TraceId, viewer_of
from connectors.postgres.history.runs import RunFilter
from schemas.api_models.traces.comparisons import (
    CauseAnswer,
    CausesAnswer,
    CausesRequest,
    DiffAnswer,
    DiffRequest,
    RunGroup,
)
from schemas.errors import InvalidInput, Problem
from services.observability.comparisons import Outputs, RunsCompared
from services.privacy.subjects.reading import opened_payload

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)


@router.post("/diff", responses=errors(404, 422), summary="Compare runs")
async def diff(body: DiffRequest, who: WorkflowReader, parts: Parts) -> DiffAnswer:
    """Compare two runs step by step: where they part first, why, and what follows. Or two groups of runs by filter."""
    a, b = body.a, body.b
    if isinstance(a, str) and isinstance(b, str):
        if body.outputs:
            await require_readable(parts, who, [a, b], "comparison")
        found = await parts.traces.comparisons.runs(viewer_of(who), a, b, outputs=body.outputs)
        return render.runs(await _opened(parts, who, found))
    if isinstance(a, str) or isinstance(b, str):
        raise InvalidInput.of(Problem("b", "is not of the same form as `a`", "give two ids, or two filters"))
    viewer = viewer_of(who)
    return render.groups(await parts.traces.comparisons.groups(viewer, _filter(who, "a", a), _filter(who, "b", b)))


@router.get("/{trace_id}/cause", responses=errors(404), summary="Explain a failed run")
async def get_cause(trace_id: TraceId, who: WorkflowReader, parts: Parts) -> CauseAnswer:
    """Say why a run failed, compared with other runs of its workflow, and why it cost more or less than a usual one.

    It says `unknown` rather than guess.
    """
    allowed = RunFilter(workflows_like=who.scopes.like("workflow"), project=who.in_project(None))
    return render.cause(await parts.traces.causes.why(viewer_of(who), trace_id, allowed))


@router.post("/causes", responses=errors(422), summary="Explain failed runs together")
async def list_causes(body: CausesRequest, who: WorkflowReader, parts: Parts) -> CausesAnswer:
    """Say what the failed ones among the newest runs of a workflow share that the others have not."""
    return render.causes(await parts.traces.causes.shared(viewer_of(who), _filter(who, "", body)))


async def _opened(parts: Parts, who: Caller, found: RunsCompared) -> RunsCompared:
    """Return a comparison with what is sealed of its outputs opened; of an erased person it says so."""
    objects = parts.runs.objects
    outputs = {
        step: Outputs(
            await opened_payload(objects, who.org_id, one.a), await opened_payload(objects, who.org_id, one.b)
        )
        for step, one in found.outputs.items()
    }
    return replace(found, outputs=outputs)


def _filter(who: Caller, side: str, body: RunGroup) -> RunFilter:
    place = f"{side}." if side else ""
    return RunFilter(
        workflow=body.workflow,
        status=body.status,
        tags=body.tags,
        since_ms=time_ms(f"{place}since", body.since),
        until_ms=time_ms(f"{place}until", body.until),
        workflows_like=who.scopes.like("workflow"),
        project=who.in_project(body.project),
        limit=body.limit,
    )
