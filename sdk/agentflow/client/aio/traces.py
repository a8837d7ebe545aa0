"""Traces of runs, made of their steps."""

from agentflow.client.aio.resource import AsyncResource
from agentflow.client.traced import Trace, TraceEvent, event_of
from agentflow.models import RunAnswer, StepPage


class AsyncTraces(AsyncResource):
    """The calls of runs in the order in which they started."""

    async def get(self, run_id: str) -> Trace:
        """Return the trace of a run with all its steps."""
        run = await self._ask(RunAnswer, "workflows.get", run_id)
        return Trace(run.trace_id, run_id, await self._events(run_id, None))

    async def query(self, run_id: str, *, limit: int = 100) -> Trace:
        """Return a run's trace with at most ``limit`` events."""
        run = await self._ask(RunAnswer, "workflows.get", run_id)
        return Trace(run.trace_id, run_id, await self._events(run_id, limit))

    async def _events(self, run_id: str, limit: int | None) -> list[TraceEvent]:
        events: list[TraceEvent] = []
        cursor: str | None = None
        while limit is None or len(events) < limit:
            params = {"limit": min(limit or 1000, 1000)} | ({"cursor": cursor} if cursor else {})
            page = await self._ask(StepPage, "workflows.steps", run_id, params=params)
            events += [event_of(step) for step in page.steps if step.started_at]
            cursor = page.next_cursor
            if cursor is None:
                break
        return events[:limit]
