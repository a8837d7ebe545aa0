"""Two runs, or two groups of runs, compared: read, aligned, and with why one cost more than the other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.clickhouse.cost_sums import CostSums
from connectors.clickhouse.traces import SpanScope
from connectors.postgres.history.runs import RunFilter, Runs, StoredStep
from schemas.clock import now_ms
from schemas.errors import InvalidInput, NotFound, Problem
from services.observability.cause.cost import CostCause, cost_cause
from services.observability.cause.cost_cells import Cell, Spending, calls_of, spending_of
from services.observability.diff.deltas import StepDelta, deltas
from services.observability.diff.divergence import Compared, compare
from services.observability.diff.groups import GroupsCompared, compare_groups
from services.observability.recordings import Recording, Recordings
from services.observability.traces.reading import Viewer

#: Steps whose outputs are shown at most, those that differ first.
MAX_OUTPUTS = 50


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step gave in both runs, as recorded: payloads, ``None`` for none or one that history has no more."""

    a: dict[str, Any] | None
    b: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsCompared:
    """Two runs beside each other. ``outputs`` are by step, of those that differ."""

    a: Recording
    b: Recording
    compared: Compared
    steps: Sequence[StepDelta]
    cost: CostCause
    outputs: Mapping[str, Outputs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupComparison:
    """Two groups of runs beside each other."""

    compared: GroupsCompared
    cost: CostCause


class Comparisons:
    """Compares runs of an organisation. Every method raises ``Unavailable``."""

    def __init__(self, recordings: Recordings, history: Runs, sums: CostSums) -> None:
        self._recordings = recordings
        self._history = history
        self._sums = sums

    async def runs(self, viewer: Viewer, a: str, b: str, *, outputs: bool = False) -> RunsCompared:
        """Return two runs compared, by their ids or those of traces. Raises ``NotFound``.

        A run whose spans are not stored, yet or any more, cannot be compared, and is ``NotFound`` as well.
        """
        first, second = await asyncio.gather(self._recordings.one(viewer, a), self._recordings.one(viewer, b))
        for one in (first, second):
            if not one.run.spans:
                raise NotFound(f"run {one.run.run_id} has no spans; they come when its steps end, and go after a time")
        # A comparison of large runs takes half a second: other requests go on meanwhile.
        compared = await asyncio.to_thread(compare, first.run, second.run)
        return RunsCompared(
            a=first,
            b=second,
            compared=compared,
            steps=deltas(compared.root) if compared.root is not None else [],
            cost=cost_cause(_spending([first]), _spending([second])),
            outputs=await self._outputs(viewer, first, second, compared) if outputs else {},
        )

    async def groups(self, viewer: Viewer, a: RunFilter, b: RunFilter) -> GroupComparison:
        """Return the newest runs of two filters compared. Raises ``InvalidInput`` where a filter finds no run.

        Costs are those of all calls in both times where the filters are workflows and times, else of the runs compared.
        """
        first, second = await asyncio.gather(self._recordings.page(viewer, a), self._recordings.page(viewer, b))
        for name, found in (("a", first), ("b", second)):
            if not any(one.run.spans for one in found):
                raise InvalidInput.of(
                    Problem(name, "selects no run with spans", "widen its times, or its other filters")
                )
        compared = await asyncio.to_thread(compare_groups, [one.run for one in first], [one.run for one in second])
        spent_a, spent_b = await asyncio.gather(self._spent(viewer, a), self._spent(viewer, b))
        if spent_a is None or spent_b is None:
            spent_a, spent_b = _spending(first), _spending(second)
        return GroupComparison(compared=compared, cost=cost_cause(spent_a, spent_b))

    async def _spent(self, viewer: Viewer, of: RunFilter) -> Spending | None:
        """Return what all runs of a filter spent; ``None`` for one by more than workflow, time and project."""
        if of.workflow is None or of.status is not None or of.tags:
            return None
        scope = SpanScope(viewer.scope.workflows_like, of.project)
        until_ms = of.until_ms if of.until_ms is not None else now_ms()
        calls, steps = await self._sums.of(viewer.org_id, of.workflow, of.since_ms or 0, until_ms, scope)
        cells = {
            (one.node, one.route): Cell(
                paid=one.paid,
                cached=one.cached,
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
                cost_nano=one.cost_nano,
                ii=one.ii,
                io=one.io,
                oo=one.oo,
                ic=one.ic,
                oc=one.oc,
            )
            for one in calls
        }
        return Spending(steps=steps, cells=cells)

    async def _outputs(self, viewer: Viewer, a: Recording, b: Recording, compared: Compared) -> dict[str, Outputs]:
        wanted = [*(cause.step for cause in compared.causes), *compared.consequences]
        of_a, of_b = await asyncio.gather(self._steps(viewer, a), self._steps(viewer, b))
        found = {}
        for step in [one for one in dict.fromkeys(wanted) if one][:MAX_OUTPUTS]:
            found[step] = Outputs(_output(of_a.get(step)), _output(of_b.get(step)))
        return found

    async def _steps(self, viewer: Viewer, one: Recording) -> dict[str, StoredStep]:
        if one.line is None:
            return {}
        found = await self._history.get(viewer.org_id, one.line.id, step_outputs=True)
        return {} if found is None else {step.step_id: step for step in found[1]}


def _output(step: StoredStep | None) -> dict[str, Any] | None:
    return step.output if step is not None else None


def _spending(recordings: Sequence[Recording]) -> Spending:
    return spending_of(calls_of({one.run.run_id: one.run.spans for one in recordings}))
