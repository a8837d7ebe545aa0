"""Runs: read, list and cancel."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request

from api.auth import bearer_key
from api.caller import Caller
from api.cancels import request_cancel
from api.dependencies import READER, Parts, RunId, RunReader, RunWriter, WorkflowReader
from api.http.sse import EventStream
from api.http.strict_json import StrictJsonRoute
from api.live.admitted import until_refused
from api.live.cursor import read_cursor
from api.live.readers import along_of
from api.live.run_story import Event, Story
from api.reading import reading_of, record, restored_run, seen_run
from api.render import runs as render
from api.routers.errors import errors
from api.routers.filters import stored_text, tags_of, time_ms
from connectors.postgres.history.runs import RunFilter
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.runs import (
    CancelAccepted,
    CancelRun,
    RunAnswer,
    RunPage,
)
from schemas.run_states import RunState
from schemas.values.fields import ASCII_INTEGER
from services.privacy.subjects.reading import opened_run

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs are listed, as query parameters."""

    status: Annotated[RunState | None, Query()] = None
    workflow: Annotated[str | None, Query(max_length=128)] = None
    tag: Annotated[
        list[str] | None,
        Query(description="`key:value`; repeated tags must all match.", examples=["team:research"]),
    ] = None
    since: Annotated[
        str | None,
        Query(description="Submitted at or after: RFC 3339, or a span back from now.", examples=["24h"]),
    ] = None
    until: Annotated[
        str | None,
        Query(description="Submitted before: RFC 3339, or a span back from now.", examples=["1h"]),
    ] = None
    parent_run_id: Annotated[
        str | None, Query(max_length=64, description="Only runs that steps of this run started.")
    ] = None
    project: Annotated[str | None, Query(min_length=1, max_length=256, description="Only runs of this project.")] = None
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 50
    cursor: Annotated[str | None, Query(max_length=512, description="`next_cursor` of the previous page.")] = None

    def filtered(self, who: Caller) -> RunFilter:
        """Return the filter, of what the caller may see. Raises ``InvalidInput``."""
        return RunFilter(
            status=self.status,
            workflow=stored_text("query.workflow", self.workflow),
            tags=tags_of("query.tag", self.tag or []),
            since_ms=time_ms("query.since", self.since),
            until_ms=time_ms("query.until", self.until),
            parent_run_id=stored_text("query.parent_run_id", self.parent_run_id),
            workflows_like=who.scopes.like("workflow"),
            project=who.in_project(stored_text("query.project", self.project)),
            cursor=self.cursor,
            limit=self.limit,
        )


@router.get("", responses=errors(), summary="List runs, newest first")
async def list_runs(who: WorkflowReader, parts: Parts, asked: Annotated[RunQuery, Depends()]) -> RunPage:
    """List the organisation's runs."""
    lines, next_cursor = await parts.runs.history.page(who.org_id, asked.filtered(who))
    return RunPage(runs=[render.summary(line) for line in lines], next_cursor=next_cursor)


@router.get("/{run_id}", responses=errors(404), summary="Read a run")
async def get_run(
    run_id: RunId,
    who: RunReader,
    parts: Parts,
    step_outputs: Annotated[bool, Query(description="Include every step's output.")] = False,
) -> RunAnswer:
    """Return a run with its steps, of each mapped node the first 100. A run that was just accepted is `queued`."""
    found = await parts.runs.history.get(
        who.org_id, run_id, step_outputs=step_outputs, most_children=render.CHILDREN_SHOWN
    )
    if found is not None:
        if (reading := await reading_of(parts, who)) is not None:
            found = seen_run(reading, *found)
            await record(parts, who, reading, run_id)
        found = await opened_run(parts.runs.objects, who.org_id, *found)
        found = await restored_run(parts, who, *found)
        mapped = any(step.child_index >= 0 for step in found[1])
        children = await parts.runs.history.children(who.org_id, run_id) if mapped else {}
        return render.whole_run(*found, children, step_outputs=step_outputs)
    receipt = await parts.runs.markers.find(who.org_id, run_id)
    if receipt is None:
        raise await parts.runs.known.unknown(run_id)
    return render.queued(receipt)


@router.get(
    "/{run_id}/events",
    responses={**errors(404, 429), 200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
    response_class=EventStream,
    summary="Follow a run",
)
async def follow_run(
    request: Request,
    run_id: RunId,
    who: RunReader,
    parts: Parts,
    tokens: Annotated[
        bool, Query(description="Send answers of models as they come (`token`), and whole (`output`).")
    ] = False,
    last_event_id: Annotated[
        str | None, Header(description="The last received `id`; only later changes are sent.", max_length=64)
    ] = None,
) -> EventStream:
    """Stream the run's statuses (`run`) and its steps' newest states (`step`) as they change, until `end`.

    While it is queued, the first event after its status is the reason (`waiting`).

    With `tokens`, pieces of models' answers come while providers stream them, and each answer when it is there.
    """
    story = Story(read_cursor(last_event_id))
    along = await along_of(parts, who, run_id, story.cursor.version) if tokens else None
    found = await parts.runs.streams.first(who.org_id, run_id, story.cursor.version)
    first: list[Event] = []
    if found is not None:
        first = story.of_history(found)
        if found.run.status == "queued" and (waits := await parts.runs.waits.of(who.org_id, run_id)) and waits.wait:
            first.append(Event("waiting", render.waiting(waits.wait).model_dump_json()))
    elif (receipt := await parts.runs.markers.find(who.org_id, run_id)) is not None:
        first = story.of_marker(render.queued(receipt))
    else:
        raise await parts.runs.known.unknown(run_id)
    secret = bearer_key(request.headers.get("authorization", "")) or ""
    return EventStream(
        lambda: parts.runs.streams.follow(who.org_id, run_id, story, first, along),
        parts.runs.streams.bound,
        over=lambda: until_refused(parts.access.authenticator, secret, READER),
    )


@router.post("/{run_id}/cancel", status_code=202, responses=errors(404, 409), summary="Cancel a run")
async def cancel_run(run_id: RunId, who: RunWriter, parts: Parts, body: CancelRun | None = None) -> CancelAccepted:
    """Ask for the run to be cancelled. Steps that have not started will not; see the run for when it has ended."""
    return await request_cancel(parts, who, run_id, body.reason if body else "")
