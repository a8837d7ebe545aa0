"""Traces: what runs did, as spans with times, tokens and money."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Unpack

from agentflow.bodies import CausesRequest, FindOutliers, QueryTraces, ReplayPolicy
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    CauseAnswer,
    CausesAnswer,
    DiffAnswer,
    OutliersFound,
    PolicyReport,
    RunRecordPage,
    SessionAnswer,
    SessionPage,
    TimelineAnswer,
    TraceAnswer,
    TraceEvent,
    TracesFound,
    TraceSummary,
    UserPage,
)

#: The most events of one page.
_PAGE = 1000


class AsyncTraces(AsyncResource):
    """Traces of runs, and of other programs."""

    async def get(self, trace_id: str, *, limit: int = _PAGE, cursor: str | None = None) -> TraceAnswer:
        """Return a trace with a page of its events, parents before children, by its id or by that of a run."""
        return await self._ask(TraceAnswer, "traces.get", trace_id, params=given(limit=limit, cursor=cursor))

    async def events(self, trace_id: str) -> AsyncIterator[TraceEvent]:
        """Yield all events of a trace; pages are read as they are needed."""
        cursor: str | None = None
        while True:
            page = await self.get(trace_id, cursor=cursor)
            for event in page.events:
                yield event
            cursor = page.next_cursor
            if cursor is None:
                return

    async def timeline(self, trace_id: str, *, fold: int | None = None) -> TimelineAnswer:
        """Return a trace as rows of bars. ``fold`` is how many children of a map are shown one by one."""
        return await self._ask(TimelineAnswer, "traces.timeline", trace_id, params=given(fold=fold))

    async def diff(
        self, a: str | Mapping[str, Any], b: str | Mapping[str, Any], *, outputs: bool = False
    ) -> DiffAnswer:
        """Return two runs compared by their ids, or two groups of runs by filters such as ``{"workflow": "w"}``."""
        return await self._ask(DiffAnswer, "traces.diff", json={"a": a, "b": b, "outputs": outputs})

    async def cause(self, trace_id: str) -> CauseAnswer:
        """Return why a run failed, and why it cost more or less than a usual one."""
        return await self._ask(CauseAnswer, "traces.cause", trace_id)

    async def causes(self, **body: Unpack[CausesRequest]) -> CausesAnswer:
        """Return what the failed ones among the newest runs of a workflow share."""
        return await self._ask(CausesAnswer, "traces.causes", json=body)

    async def query(self, **body: Unpack[QueryTraces]) -> TracesFound:
        """Find the traces of a time, spans of a ``run_id``, or what they add up to (``group_by``)."""
        return await self._ask(TracesFound, "traces.query", json=body)

    async def query_all(self, **body: Unpack[QueryTraces]) -> AsyncIterator[TraceSummary]:
        """Yield all traces that a query finds; pages are read as they are needed."""
        more: QueryTraces = {**body, "level": "trace"}
        while True:
            page = await self.query(**more)
            for trace in page.traces:
                yield trace
            if page.next_cursor is None:
                return
            more = {**more, "cursor": page.next_cursor}

    async def outliers(self, **body: Unpack[FindOutliers]) -> OutliersFound:
        """Find runs that are far slower (``measure="duration"``) or dearer (``cost``) than others of their workflow."""
        return await self._ask(OutliersFound, "traces.outliers", json=body)

    async def sessions(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        user: str | None = None,
        workflow: str | None = None,
        project: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SessionPage:
        """Return a page of threads of runs, the latest first."""
        filters = given(start=start, end=end, user=user, workflow=workflow, project=project)
        return await self._ask(SessionPage, "traces.sessions", params=filters | given(limit=limit, cursor=cursor))

    async def session(
        self,
        session_id: str,
        *,
        start: str | None = None,
        end: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SessionAnswer:
        """Return a thread with a page of its traces, in the order in which they began."""
        params = given(start=start, end=end, limit=limit, cursor=cursor)
        return await self._ask(SessionAnswer, "traces.session", session_id, params=params)

    async def users(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        workflow: str | None = None,
        project: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> UserPage:
        """Return a page of the users for whom runs ran, those with the highest cost first."""
        filters = given(start=start, end=end, workflow=workflow, project=project)
        return await self._ask(UserPage, "traces.users", params=filters | given(limit=limit, cursor=cursor))

    async def records(self, run_id: str, *, limit: int | None = None, cursor: str | None = None) -> RunRecordPage:
        """Return a page of a run's records, as they are in the log; ``cursor`` is ``next_cursor`` of the one before."""
        return await self._ask(RunRecordPage, "traces.records", run_id, params=given(limit=limit, cursor=cursor))

    async def replay_policy(self, **body: Unpack[ReplayPolicy]) -> PolicyReport:
        """Return what another policy would have led to on recorded calls, and a baseline. No call is made."""
        return await self._ask(PolicyReport, "traces.replay_policy", json=body)
