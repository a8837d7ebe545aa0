"""Spans that are drawn of a run's steps as history has them, until the stored ones are there. No I/O.

They have the ids of the spans that the run writes at its end, so those take their places one by one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.ids import span_id, trace_id
from schemas.records.spans import Span, SpanLink, SpanType
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP
from schemas.spec.model import NodeKind, ResolvedSpec
from schemas.step_tree import parent_span, parent_step
from services.runs.explain_waiting import begun, not_begun

#: The attributes that only drawn spans have: a state of runs or steps, and for what it waits.
STATE = "agentflow.state"
WAITS_FOR = "agentflow.waiting_for"

_NS_PER_MS = 1_000_000
_TYPES: dict[NodeKind, SpanType] = {
    "agent": "agent",
    "wait": "timer",
    "signal": "signal",
    "workflow": "child_run",
}
_Status = Literal["unset", "ok", "error"]
_STATUS: dict[str, _Status] = {"succeeded": "ok", "failed": "error"}


@dataclass(frozen=True, slots=True)
class RunSoFar:
    """A run as history has it. ``definition`` is ``None`` where it is unavailable; then no pending node is drawn."""

    run: StoredRun
    steps: Sequence[StoredStep]
    definition: ResolvedSpec | None


def drawn_spans(found: RunSoFar, stored: Sequence[Span], now_ms: int) -> list[Span]:
    """Return spans of a run, its steps and its pending nodes; those that are ``stored`` are left out.

    What is open ends now. Money that history knows and no stored span has is on the drawn ones, so that the sum is that
    of the run.
    """
    run, ids = found.run, {span.span_id for span in stored}
    spent: dict[str, int] = {}
    for span in stored:
        spent[span.step_id] = spent.get(span.step_id, 0) + span.cost_nano
    steps = [_step(run, step, found.steps, spent.get(step.step_id, 0), now_ms) for step in found.steps]
    pending = [] if run.status in TERMINAL_RUN else _pending(found, now_ms)
    drawn = [span for span in (*steps, *pending) if span.span_id not in ids]
    drawn += _of_attempts(run.id, stored, ids | {span.span_id for span in drawn})
    rest = run.cost_nano - sum(span.cost_nano for span in stored) - sum(span.cost_nano for span in drawn)
    return [one for one in (_run(run, max(0, rest), now_ms),) if one.span_id not in ids] + drawn


def run_span(run_id: str, workflow: str, state: str, start_ms: int, now_ms: int) -> Span:
    """Return the span of a run of which only its submission is known."""
    return Span(
        span_id=span_id(run_id),
        name=f"workflow {workflow}",
        start_ns=start_ms * _NS_PER_MS,
        end_ns=max(start_ms, now_ms) * _NS_PER_MS,
        type="run",
        attributes={STATE: state},
    )


def _run(run: StoredRun, cost_nano: int, now_ms: int) -> Span:
    error = run.error or {}
    return Span(
        span_id=span_id(run.id),
        name=f"workflow {run.workflow_name}",
        start_ns=run.created_ms * _NS_PER_MS,
        end_ns=_end(run.created_ms, run.finished_ms, now_ms),
        status=_STATUS.get(run.status, "unset"),
        status_message=str(error.get("message", "")),
        attributes={STATE: run.status, "agentflow.workflow.version": run.workflow_version},
        type="run",
        cost_nano=cost_nano,
        error_code=str(error.get("code", "")),
    )


def _step(run: StoredRun, step: StoredStep, steps: Sequence[StoredStep], spent_nano: int, now_ms: int) -> Span:
    error = step.error or {}
    start_ms = step.started_ms or step.requested_ms or step.finished_ms or now_ms
    attributes: dict[str, object] = {STATE: step.status}
    if step.status not in TERMINAL_STEP and run.status not in TERMINAL_RUN:
        wait = begun(step, steps, {}, {})
        # Without the leases of workers it is not known who has a running step, or whether anybody has.
        if step.status != "running":
            attributes[WAITS_FOR] = wait.detail or wait.kind
    if step.note:
        attributes["agentflow.note"] = step.note
    return Span(
        span_id=span_id(run.id, step.step_id),
        parent_span_id=parent_span(run.id, step.step_id),
        name=step.step_id,
        start_ns=start_ms * _NS_PER_MS,
        end_ns=_end(start_ms, step.finished_ms, now_ms),
        status=_STATUS.get(step.status, "unset"),
        status_message=str(error.get("message", "")),
        attributes=attributes,
        type="map" if step.children_total is not None else _TYPES.get(step.kind, "step"),
        step_id=step.step_id,
        cost_nano=max(0, step.cost_nano - spent_nano),
        provider=step.provider or "",
        model=step.model or "",
        error_code=str(error.get("code", "")),
        links=_links(step),
    )


def _links(step: StoredStep) -> list[SpanLink]:
    if step.child_run_id is None:
        return []
    return [SpanLink(trace_id=trace_id(step.child_run_id), span_id=span_id(step.child_run_id), relation="child_run")]


def _pending(found: RunSoFar, now_ms: int) -> Iterable[Span]:
    if found.definition is None:
        return []
    run = found.run
    return [
        Span(
            span_id=span_id(run.id, one.step_id),
            parent_span_id=parent_span(run.id, one.step_id),
            name=one.step_id,
            start_ns=now_ms * _NS_PER_MS,
            end_ns=now_ms * _NS_PER_MS,
            attributes={STATE: "pending", WAITS_FOR: one.wait.detail},
            type="step",
            step_id=one.step_id,
        )
        for one in not_begun(found.definition, found.steps)
    ]


def _of_attempts(run_id: str, stored: Sequence[Span], known: set[str]) -> list[Span]:
    """Return the steps of stored spans that history did not return: it returns a map's first children only."""
    drawn: dict[str, Span] = {}
    for span in stored:
        step = span.step_id
        while step and (found := span_id(run_id, step)) not in known:
            before = drawn.get(found)
            drawn[found] = Span(
                span_id=found,
                parent_span_id=parent_span(run_id, step),
                name=step,
                start_ns=span.start_ns if before is None else min(before.start_ns, span.start_ns),
                end_ns=span.end_ns if before is None else max(before.end_ns, span.end_ns),
                type="step",
                step_id=step,
                attributes={STATE: "running"},
            )
            step = parent_step(step)
    return list(drawn.values())


def _end(start_ms: int, end_ms: int | None, now_ms: int) -> int:
    return max(start_ms, now_ms if end_ms is None else end_ms) * _NS_PER_MS
