"""One trace: its spans by page, and its timeline."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.caller import Caller
from api.dependencies import Parts, WorkflowReader
from api.http.strict_json import StrictJsonRoute
from api.reading import readable_texts, restored_texts
from api.render import traces as render
from api.routers.errors import errors
from api.routers.traces.page import page_of
from connectors.clickhouse.traces import SpanScope
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.traces.trace import TimelineAnswer, TraceAnswer
from schemas.records.spans import Span
from schemas.values.fields import ASCII_INTEGER
from services.observability.traces.reading import Viewer
from services.observability.traces.timeline import FOLD, timeline_of

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)

TraceId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$", description="The id of a trace, or of one of its runs.")
]


def viewer_of(who: Caller, project: str | None = None) -> Viewer:
    """Return what a caller may see of traces. Raises ``Forbidden`` for a project that is not the key's."""
    scope = SpanScope(who.scopes.like("workflow"), who.in_project(project))
    return Viewer(org_id=who.org_id, scope=scope, owns=who.owns)


@router.get("/{trace_id}", responses=errors(404), summary="Read a trace")
async def get_trace(
    trace_id: TraceId,
    who: WorkflowReader,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 200,
    cursor: Annotated[str | None, Query(max_length=512, description="`next_cursor` of the previous page.")] = None,
) -> TraceAnswer:
    """Return a trace with its events, parents before children. A run that has not ended is drawn as far as it is.

    Texts of calls are left out where a policy does not let the key see all of its runs.
    """
    viewer = viewer_of(who)
    found = await parts.traces.reader.find(viewer, trace_id)
    page, next_cursor = page_of(found.tree.order, limit, cursor)
    texts: Mapping[str, Span] = {}
    if await readable_texts(parts, who, [run.id for run in found.runs]):
        texts = await parts.traces.reader.texts(viewer, found.trace_id, [one.span for _, one in page])
        texts = await restored_texts(parts, who, found.runs, texts)
    return render.trace(found, page, texts, next_cursor)


@router.get("/{trace_id}/timeline", responses=errors(404), summary="Read a trace as a timeline")
async def get_timeline(
    trace_id: TraceId,
    who: WorkflowReader,
    parts: Parts,
    fold: Annotated[
        int, Query(ge=1, le=MAX_PAGE, description="Children of a map that are shown one by one."), ASCII_INTEGER
    ] = FOLD,
) -> TimelineAnswer:
    """Return a trace as rows of bars, with what the end waited for; large maps are folded into a row."""
    found = await parts.traces.reader.find(viewer_of(who), trace_id)
    return render.timeline(found, timeline_of(found.tree, fold))
