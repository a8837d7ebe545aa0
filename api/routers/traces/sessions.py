"""Sessions and users: what their traces add up to, and the traces of one session."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import Parts, WorkflowReader
from api.http.strict_json import StrictJsonRoute
from api.render import found_traces as render
from api.routers.errors import errors
from api.routers.filters import stored_text
from api.routers.traces.traces import viewer_of
from api.routers.traces.wanted import Place, read_place, window_of, write_place
from connectors.clickhouse.trace_filter import TraceFilter
from connectors.clickhouse.trace_groups import Grouping, GroupLine
from connectors.clickhouse.trace_query import Ordering
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.traces.query import SessionAnswer, SessionPage, UserPage
from schemas.errors import NotFound
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1", tags=["traces"], route_class=StrictJsonRoute)

Start = Annotated[str, Query(max_length=64, description="RFC 3339, a span back from now, or `now`.", examples=["7d"])]
End = Annotated[str, Query(max_length=64, description="RFC 3339, a span back from now, or `now`.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER]
Cursor = Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the previous page.")]
Name = Annotated[str | None, Query(min_length=1, max_length=256)]
SessionId = Annotated[str, Path(max_length=256)]
_LAST, _COST, _RUNS = "sessions last", "users cost", "session start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions are listed, as query parameters."""

    start: Start = "7d"
    end: End = "now"
    user: Name = None
    workflow: Name = None
    project: Name = None
    limit: Limit = 100
    cursor: Cursor = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsQuery:
    """Which runs of a session are listed, as query parameters."""

    start: Start = "30d"
    end: End = "now"
    limit: Limit = 100
    cursor: Cursor = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserQuery:
    """Which users are listed, as query parameters."""

    start: Start = "30d"
    end: End = "now"
    workflow: Name = None
    project: Name = None
    limit: Limit = 100
    cursor: Cursor = None


def _since(asked: SessionQuery | RunsQuery | UserQuery, place: Place | None) -> tuple[int, int]:
    """Return the time in nanoseconds: of a further page the very one of the first."""
    return window_of(asked.start, asked.end, "query") if place is None else (place.from_ns, place.until_ns)


@router.get("/sessions", responses=errors(), summary="List sessions")
async def list_sessions(who: WorkflowReader, parts: Parts, asked: Annotated[SessionQuery, Depends()]) -> SessionPage:
    """List threads of runs, the latest first, with what the traces that began within the time add up to."""
    place = read_place(asked.cursor, _LAST, "query.cursor")
    viewer = viewer_of(who, stored_text("query.project", asked.project))
    window, limit = _since(asked, place), asked.limit
    wanted = TraceFilter(
        from_ns=window[0],
        until_ns=window[1],
        scope=viewer.scope,
        user_id=stored_text("query.user", asked.user) or "",
        workflow=stored_text("query.workflow", asked.workflow) or "",
    )
    after = None if place is None else (place.key, place.entry)
    page_of = Grouping(sort="last", limit=limit + 1, named=True, after=after)
    lines = await parts.traces.groups.by(viewer.org_id, wanted, ["session"], page_of)
    page, more = lines[:limit], len(lines) > limit
    next_cursor = write_place(Place(*window, _LAST, page[-1].last_ns, page[-1].values[0])) if more else None
    return SessionPage(sessions=[render.session(one) for one in page], next_cursor=next_cursor)


@router.get("/sessions/{session_id}", responses=errors(404), summary="Read a session")
async def get_session(
    session_id: SessionId, who: WorkflowReader, parts: Parts, asked: Annotated[RunsQuery, Depends()]
) -> SessionAnswer:
    """Return a thread's traces in the order in which they began, and what all of them add up to."""
    place = read_place(asked.cursor, _RUNS, "query.cursor")
    viewer = viewer_of(who)
    window = _since(asked, place)
    name = stored_text("path.session_id", session_id) or ""
    wanted = TraceFilter(from_ns=window[0], until_ns=window[1], scope=viewer.scope, session_id=name)
    whole: list[GroupLine] = await parts.traces.groups.by(viewer.org_id, wanted, ["session"], Grouping(limit=1))
    if not whole:
        raise NotFound(f"there is no session {session_id} since {asked.start}; give an earlier start")
    after = None if place is None else (place.key, place.entry)
    ordering = Ordering(descending=False, limit=asked.limit, after=after)
    traces, following = await parts.traces.queries.traces(viewer.org_id, wanted, ordering)
    return SessionAnswer(
        **render.added_up(whole[0]),
        runs=[render.summary(one) for one in traces],
        next_cursor=None if following is None else write_place(Place(*window, _RUNS, *following)),
    )


@router.get("/users", responses=errors(), summary="List users by cost")
async def list_users(who: WorkflowReader, parts: Parts, asked: Annotated[UserQuery, Depends()]) -> UserPage:
    """List for whom runs ran, those with the highest cost first, of the traces that began within the time."""
    place = read_place(asked.cursor, _COST, "query.cursor")
    viewer = viewer_of(who, stored_text("query.project", asked.project))
    window, limit = _since(asked, place), asked.limit
    named = stored_text("query.workflow", asked.workflow) or ""
    wanted = TraceFilter(from_ns=window[0], until_ns=window[1], scope=viewer.scope, workflow=named)
    after = None if place is None else (place.key, place.entry)
    page_of = Grouping(sort="cost", limit=limit + 1, named=True, after=after)
    lines = await parts.traces.groups.by(viewer.org_id, wanted, ["user"], page_of)
    page, more = lines[:limit], len(lines) > limit
    next_cursor = write_place(Place(*window, _COST, page[-1].cost_nano, page[-1].values[0])) if more else None
    return UserPage(users=[render.user(one) for one in page], next_cursor=next_cursor)
