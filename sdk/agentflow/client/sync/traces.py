# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Traces of runs, made of their steps."""

from agentflow.client.sync.resource import Resource
from agentflow.client.traced import Trace, TraceEvent, event_of
from agentflow.models import RunAnswer, StepPage


class Traces(Resource):
    """The calls of runs in the order in which they started."""

    def get(self, run_id: str) -> Trace:
        """Return the trace of a run with all its steps."""
        run = self._ask(RunAnswer, "workflows.get", run_id)
        return Trace(run.trace_id, run_id, self._events(run_id, None))

    def query(self, run_id: str, *, limit: int = 100) -> Trace:
        """Return a run's trace with at most ``limit`` events."""
        run = self._ask(RunAnswer, "workflows.get", run_id)
        return Trace(run.trace_id, run_id, self._events(run_id, limit))

    def _events(self, run_id: str, limit: int | None) -> list[TraceEvent]:
        events: list[TraceEvent] = []
        cursor: str | None = None
        while limit is None or len(events) < limit:
            params = {"limit": min(limit or 1000, 1000)} | ({"cursor": cursor} if cursor else {})
            page = self._ask(StepPage, "workflows.steps", run_id, params=params)
            events += [event_of(step) for step in page.steps if step.started_at]
            cursor = page.next_cursor
            if cursor is None:
                break
        return events[:limit]
