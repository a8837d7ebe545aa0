"""Queries over traces: lists of traces and of spans, and groups of them."""

from fastapi import APIRouter

from api.dependencies import Parts, WorkflowReader
from api.http.strict_json import StrictJsonRoute
from api.render import found_traces as render
from api.render.traces import moment
from api.routers.errors import errors
from api.routers.traces.traces import viewer_of
from api.routers.traces.wanted import (
    NS_PER_MS,
    Place,
    filter_of,
    group_sort_of,
    level_of,
    ordering_of,
    read_place,
    window_of,
    write_place,
)
from api.services import Services
from connectors.clickhouse.trace_filter import TraceFilter
from connectors.clickhouse.trace_groups import Grouping, unit_of
from schemas.api_models.traces.query import QueryTraces, TracesFound
from schemas.ids import trace_id
from services.observability.traces.reading import Viewer

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)


@router.post("/query", responses=errors(), summary="Find traces")
async def query_traces(body: QueryTraces, who: WorkflowReader, parts: Parts) -> TracesFound:
    """Find the traces or spans of a time, by page, or what they add up to by workflow, provider, model and more."""
    viewer = viewer_of(who, body.project)
    sorted_by = f"{level_of(body)} {body.sort or 'start'} {body.order}"
    place = read_place(body.cursor, sorted_by, "body.cursor")
    window = await _window(parts, viewer, body) if place is None else (place.from_ns, place.until_ns)
    wanted = filter_of(body, viewer.scope, window)
    if body.group_by:
        return await _grouped(parts, viewer, body, wanted)
    ordering = ordering_of(body, place)
    queries = parts.traces.queries
    if level_of(body) == "trace":
        traces, after = await queries.traces(viewer.org_id, wanted, ordering)
        found = TracesFound(level="trace", **_times(wanted), traces=[render.summary(one) for one in traces])
    else:
        spans, after = await queries.spans(viewer.org_id, wanted, ordering)
        found = TracesFound(level="span", **_times(wanted), events=[render.span(one) for one in spans])
    if after is None:
        return found
    return found.model_copy(update={"next_cursor": write_place(Place(*window, sorted_by, *after))})


async def _window(parts: Services, viewer: Viewer, body: QueryTraces) -> tuple[int, int]:
    """Return the time of a query. A run's is that of its spans, unless a time is given."""
    if body.run_id is None or body.start is not None:
        return window_of(body.start, body.end, "body")
    bounds = await parts.traces.traces.bounds(viewer.org_id, trace_id(body.run_id), viewer.scope)
    return window_of(None, "now", "body") if bounds is None else (bounds[0], bounds[1] + NS_PER_MS)


async def _grouped(parts: Services, viewer: Viewer, body: QueryTraces, wanted: TraceFilter) -> TracesFound:
    unit = "span" if body.level == "span" and unit_of(body.group_by) == "trace" else unit_of(body.group_by)
    grouping = Grouping(unit=unit, sort=group_sort_of(body), limit=body.limit)
    lines = await parts.traces.groups.by(viewer.org_id, wanted, body.group_by, grouping)
    return TracesFound(level=unit, **_times(wanted), groups=[render.group(body.group_by, one) for one in lines])


def _times(wanted: TraceFilter) -> dict[str, str | None]:
    return {"start": moment(wanted.from_ns), "end": moment(wanted.until_ns)}
