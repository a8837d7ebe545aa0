"""Why runs of history failed, and why one cost more than usual: a run is read with others of its workflow."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median_low

from msgspec import structs

from connectors.postgres.history.runs import RunFilter, RunLine, Runs
from schemas.errors import NotFound
from services.observability.cause.cost import CostCause, cost_cause
from services.observability.cause.cost_cells import calls_of, spending_of
from services.observability.cause.explain import Explanation, explain
from services.observability.cause.observed import ObservedRun, observed
from services.observability.cause.shared import Shared, shared
from services.observability.recordings import MAX_RUNS, Recording, Recordings
from services.observability.traces.reading import Viewer

#: Other runs that a failed one is read beside: healthy ones say what is usual, failed ones what it shares.
HEALTHY, FAILED = 60, 30
#: Runs that are older say little about how things are now.
PEERS_SINCE_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBeside:
    """Why a run cost more or less than a usual one: the one of middle cost among its healthy peers."""

    usual_run: str
    cause: CostCause


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExplained:
    """A run's explanation. ``cost`` is ``None`` without a healthy peer."""

    line: RunLine
    explanation: Explanation
    cost: CostBeside | None


class Causes:
    """Explains runs of an organisation. Every method raises ``Unavailable``."""

    def __init__(self, recordings: Recordings, history: Runs) -> None:
        self._recordings = recordings
        self._history = history

    async def why(self, viewer: Viewer, key: str, filters: RunFilter) -> RunExplained:
        """Return why a run failed, by its id or that of its trace. ``filters`` is what the viewer may see.

        Raises ``NotFound`` for an unknown run, and for a trace of another program: nothing says how it ended.
        """
        one = await self._recordings.one(viewer, key)
        if one.line is None:
            raise NotFound(f"trace {key} is of no run here; causes are found for runs")
        peers = await self._peers(viewer, one, filters)
        run = _seen(one)
        others = [found for found in map(_seen, peers) if found is not None]
        if run is None:
            raise NotFound(f"run {one.line.id} has no spans; they come when its steps end, and go after a time")
        explanation = await asyncio.to_thread(explain, run, others)
        return RunExplained(line=one.line, explanation=explanation, cost=_beside(one, peers))

    async def shared(self, viewer: Viewer, wanted: RunFilter) -> Shared:
        """Return what the failed ones among the newest runs of a filter share; they should be of one workflow."""
        found = await self._recordings.page(viewer, replace(wanted, limit=MAX_RUNS))
        runs = [run for run in map(_seen, found) if run is not None]
        tags = {one.run.run_id: one.run.tags for one in found}
        return await asyncio.to_thread(shared, runs, tags)

    async def _peers(self, viewer: Viewer, one: Recording, filters: RunFilter) -> list[Recording]:
        line = one.line
        assert line is not None
        wanted = RunFilter(
            workflow=line.workflow_name,
            since_ms=line.created_ms - PEERS_SINCE_MS,
            workflows_like=filters.workflows_like,
            project=filters.project,
        )
        lines: list[RunLine] = []
        for only in (
            replace(wanted, status="succeeded", limit=HEALTHY),
            replace(wanted, status="failed", limit=FAILED),
        ):
            found, _ = await self._history.page(viewer.org_id, only)
            lines += [other for other in found if other.id != line.id and viewer.owns(other.workflow_name, other.tags)]
        return await self._recordings.of(viewer, lines)


def _seen(one: Recording) -> ObservedRun | None:
    """Return a run as its spans show it, with the end that history has: spans may be late, or sampled."""
    run = observed(one.run, one.lacking)
    if run is None or one.line is None:
        return run
    error = (one.line.error or {}).get("code", "failed") if one.line.status == "failed" else ""
    return structs.replace(run, error=str(error), started_ms=float(one.line.created_ms))


def _beside(one: Recording, peers: Sequence[Recording]) -> CostBeside | None:
    healthy = [peer for peer in peers if peer.line is not None and peer.line.status == "succeeded" and peer.run.spans]
    if not healthy:
        return None
    costs = {_cost(peer): peer for peer in healthy}
    usual = costs[median_low([_cost(peer) for peer in healthy])]
    spendings = [spending_of(calls_of({"": peer.run.spans})) for peer in (usual, one)]
    return CostBeside(usual_run=usual.run.run_id, cause=cost_cause(*spendings))


def _cost(one: Recording) -> int:
    return sum(span.cost_nano for span in one.run.spans)
