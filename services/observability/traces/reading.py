"""Finds a trace by its id or a run's: stored spans, and drawn ones of runs that have not written theirs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.clickhouse.traces import RunOfTrace, SpanScope, Traces, whole
from connectors.postgres.history.runs import RunLine, Runs
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.clock import now_ms
from schemas.errors import NotFound
from schemas.ids import span_id, trace_id
from schemas.records.spans import Span
from services.observability.traces.drawn import RunSoFar, drawn_spans, run_span
from services.observability.traces.tree import TraceTree, tree_of
from services.runs.known_runs import KnownRuns
from services.workflows.of_run import RunDefinitions

_TRACE_ID = re.compile("[0-9a-f]{32}")
#: Children of a mapped node that are drawn.
MAX_CHILDREN = 100
#: Runs of one trace that are drawn: each is read from history.
MAX_DRAWN_RUNS = 20

Owns = Callable[[str, Mapping[str, str]], bool]
"""Whether a caller may see a run, by its workflow and its tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTrace:
    """A trace. ``runs`` are those that history has, ``of_trace`` what the spans' records say of theirs.

    ``left_out`` counts spans beyond the highest number that is read.
    """

    trace_id: str
    tree: TraceTree
    runs: list[RunLine]
    of_trace: list[RunOfTrace]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who reads: an organisation, the spans that its key admits, and the runs."""

    org_id: str
    scope: SpanScope
    owns: Owns


class TraceReader:
    """Reads traces. Every method raises ``Unavailable``."""

    def __init__(
        self,
        traces: Traces,
        history: Runs,
        definitions: RunDefinitions,
        markers: SubmissionMarkers,
        known: KnownRuns,
    ) -> None:
        self._traces = traces
        self._history = history
        self._definitions = definitions
        self._markers = markers
        self._known = known

    async def find(self, viewer: Viewer, key: str) -> FoundTrace:
        """Return a trace by its id, or by the id of one of its runs. Raises ``NotFound``."""
        if _TRACE_ID.fullmatch(key):
            found = await self._found(viewer, key, await self._runs(viewer, key))
            if not found.tree.roots:
                raise NotFound(f"there is no trace {key}; `agentctl trace query` lists traces")
            return found
        return await self._of_run(viewer, key)

    async def texts(self, viewer: Viewer, trace: str, spans: Sequence[Span]) -> dict[str, Span]:
        """Return spans with their texts, by id. Drawn ones and phases are returned as they are."""
        stored = await self._traces.texts(viewer.org_id, trace, [span.span_id for span in spans])
        return {span.span_id: whole(span, stored.get(span.span_id)) for span in spans}

    async def _of_run(self, viewer: Viewer, run_id: str) -> FoundTrace:
        trace = await self._history.trace_id(viewer.org_id, run_id)
        if trace is None:
            return await self._accepted(viewer, run_id)
        runs = await self._runs(viewer, trace)
        if all(run.id != run_id for run in runs):
            raise await self._known.unknown(run_id)
        return await self._found(viewer, trace, runs)

    async def _accepted(self, viewer: Viewer, run_id: str) -> FoundTrace:
        """Return the trace of a run that is not in history yet."""
        receipt = await self._markers.find(viewer.org_id, run_id)
        if receipt is None or not viewer.owns(receipt.workflow_name, receipt.tags):
            raise await self._known.unknown(run_id)
        root = run_span(run_id, receipt.workflow_name, "queued", receipt.submitted_at_ms, now_ms())
        run = RunOfTrace(run_id=run_id, workflow_name=receipt.workflow_name, tags=receipt.tags)
        return FoundTrace(trace_id=trace_id(run_id), tree=tree_of([], [root]), runs=[], of_trace=[run])

    async def _runs(self, viewer: Viewer, trace: str) -> list[RunLine]:
        runs = await self._history.of_trace(viewer.org_id, trace)
        return [run for run in runs if viewer.owns(run.workflow_name, run.tags)]

    async def _found(self, viewer: Viewer, trace: str, runs: list[RunLine]) -> FoundTrace:
        rows = await self._traces.trace(viewer.org_id, trace, viewer.scope)
        ids = {span.span_id for span in rows.spans}
        drawn: list[Span] = []
        for run in [run for run in runs if span_id(run.id) not in ids][:MAX_DRAWN_RUNS]:
            stored = [span for span, run_id in zip(rows.spans, rows.run_ids, strict=True) if run_id == run.id]
            drawn += await self._drawn(viewer.org_id, run.id, stored)
        return FoundTrace(
            trace_id=trace,
            tree=tree_of(rows.spans, drawn),
            runs=runs,
            of_trace=rows.runs,
            left_out=max(0, sum(run.spans for run in rows.runs) - len(rows.spans)),
        )

    async def _drawn(self, org_id: str, run_id: str, stored: Sequence[Span]) -> list[Span]:
        found = await self._history.get(org_id, run_id, most_children=MAX_CHILDREN)
        if found is None:
            return []
        run, steps = found
        return drawn_spans(RunSoFar(run, steps, await self._definitions.of(org_id, run)), stored, now_ms())
