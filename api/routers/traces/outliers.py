"""Outliers: runs that are far slower or dearer than the others of their workflow."""

from fastapi import APIRouter

from api.dependencies import Parts, WorkflowReader
from api.http.strict_json import StrictJsonRoute
from api.render.traces import moment
from api.routers.errors import errors
from api.routers.traces.traces import viewer_of
from api.routers.traces.wanted import NS_PER_S, window_of
from connectors.clickhouse.trace_filter import TraceFilter
from schemas.api_models.traces.outliers import FindOutliers, OutlierLine, OutliersFound
from schemas.money import usd
from services.observability.quality.outliers import Measured, Outlier, outliers

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)

#: More runs move a median no more.
MOST_RUNS = 20_000


@router.post("/outliers", responses=errors(), summary="Find outliers")
async def find_outliers(body: FindOutliers, who: WorkflowReader, parts: Parts) -> OutliersFound:
    """Find runs that are far slower or dearer than the others of their workflow, the farthest first.

    A workflow with fewer than 20 runs in the time has none.
    """
    viewer = viewer_of(who, body.project)
    from_ns, until_ns = window_of(body.start, body.end, "body")
    wanted = TraceFilter(from_ns=from_ns, until_ns=until_ns, scope=viewer.scope, workflow=body.workflow or "")
    rows = await parts.traces.queries.measures(viewer.org_id, wanted, body.measure, MOST_RUNS)
    found = outliers([Measured(*row) for row in rows])
    return OutliersFound(
        measure=body.measure,
        start=moment(from_ns),
        end=moment(until_ns),
        compared=len(rows),
        outliers=[_line(body.measure, one) for one in found[: body.limit]],
    )


def _line(measure: str, one: Outlier) -> OutlierLine:
    of_cost = measure == "cost"
    return OutlierLine(
        trace_id=one.run.trace_id,
        run_id=one.run.run_id,
        workflow=one.run.workflow,
        duration=None if of_cost else one.run.value / NS_PER_S,
        cost_usd=usd(one.run.value) if of_cost else None,
        median=usd(round(one.median)) if of_cost else f"{one.median / NS_PER_S:.3f}",
        times=round(one.times, 3),
        score=round(one.score, 2),
        runs=one.runs,
    )
