"""The span of a step, from its first request to its end, and of attempts of which no worker has said anything.

Workers write the spans of attempts and of all below them. An attempt that was given up has none from its worker, or
not yet: then the fold says that it was made. Its worker's own, if there is one after all, has the same id and counts
(``schemas.records.spans.UNREPORTED``).
"""

from collections.abc import Iterator
from typing import Any

from schemas.ids import child_run_id, forked_from, span_id, trace_id
from schemas.payload import Inline
from schemas.records.hashes import value_hash
from schemas.records.spans import UNREPORTED, Span, SpanLink, SpanType
from schemas.step_tree import parent_span
from streams.core.runs.nodes.workflow import run_of
from streams.core.runs.plan.model import PlanNode, is_part
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

NS_PER_MS = 1_000_000
#: Words of an error in a step's span; its attempt has all of them.
WORDS_MOST = 500
#: The code of an attempt that ended without an outcome.
NO_OUTCOME = "no_outcome"

_TYPES: dict[str, SpanType] = {"agent": "agent", "wait": "timer", "signal": "signal", "workflow": "child_run"}


def step_spans(run: RunReader, step_id: str, step: Step) -> Iterator[Span]:
    """Yield the span of a step that has ended, then those of its attempts that nobody reported."""
    node, error, type_ = run.node_of(step), step.error, _type(run, step_id, step)
    end_ms = step.finished_at_ms or run.finished_at_ms or run.now_ms
    start_ms = min(step.asked_first_ms or step.started_at_ms or end_ms, end_ms)
    failed = step.state == "failed"
    yield Span(
        span_id=span_id(run.run_id, step_id),
        parent_span_id=parent_span(run.run_id, step_id),
        name=f"{type_} {node.name or node.id}",
        start_ns=start_ms * NS_PER_MS,
        end_ns=end_ms * NS_PER_MS,
        status="ok" if step.state == "succeeded" else "error" if failed else "unset",
        status_message=error.message[:WORDS_MOST] if failed and error and run.header.capture == "full" else "",
        attributes=_attributes(run, step),
        type=type_,
        step_id=step_id,
        error_code=error.code if failed and error else "",
        output_hash="" if _is_work(node, step_id, step) else _output_hash(step),
        links=_links(run, step_id, step),
    )
    if step.unsettled and _is_work(node, step_id, step):
        for attempt in step.unsettled:
            yield _unreported(run, step_id, step, attempt, end_ms)


def _unreported(run: RunReader, step_id: str, step: Step, attempt: int, end_ms: int) -> Span:
    first_ms, last_ms = step.asked_first_ms or end_ms, step.requested_at_ms or end_ms
    # When an earlier attempt was requested is not kept: it was after the first one, and ended before the last.
    start_ms, until_ms = (last_ms, end_ms) if attempt == step.attempt else (first_ms, last_ms)
    return Span(
        span_id=span_id(run.run_id, step_id, attempt),
        parent_span_id=span_id(run.run_id, step_id),
        name=f"attempt {run.node_of(step).name or step.node}",
        start_ns=min(start_ms, until_ms) * NS_PER_MS,
        end_ns=until_ms * NS_PER_MS,
        attributes={UNREPORTED: True},
        type="attempt",
        step_id=step_id,
        attempt=attempt,
        error_code=NO_OUTCOME,
    )


def _type(run: RunReader, step_id: str, step: Step) -> SpanType:
    if step.total is not None:
        return "map"
    if step.gather is not None or is_part(step_id):
        return "step"
    return _TYPES.get(run.node_of(step).kind, "step")


def _is_work(node: PlanNode, step_id: str, step: Step) -> bool:
    """Return whether workers make the attempts of a step."""
    return step.total is None and (node.work is not None or step.gather is not None or is_part(step_id))


def _output_hash(step: Step) -> str:
    return value_hash(step.value.value) if isinstance(step.value, Inline) and step.total is None else ""


def _attributes(run: RunReader, step: Step) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if step.state not in ("succeeded", "failed"):
        attributes["agentflow.step.state"] = step.state
    if step.attempt > 1:
        attributes["agentflow.step.attempts"] = step.attempt
    if step.note is not None:
        attributes["agentflow.step.note"] = step.note
    if step.sla_missed:
        attributes["agentflow.step.sla_missed"] = True
    if step.total is not None:
        counts = run.maps.get(step.node)
        attributes["agentflow.map.children"] = step.total
        if counts is not None and counts.failed:
            attributes["agentflow.map.failed"] = counts.failed
    return attributes


def _links(run: RunReader, step_id: str, step: Step) -> list[SpanLink]:
    """Return the runs that a step started, or that its result is from."""
    if run_of(run, step_id, step) is not None:
        children = (child_run_id(run.run_id, step_id, attempt) for attempt in range(1, step.attempt + 1))
        return [link_to(child, "child_run") for child in children]
    before = forked_from(run.header.source)
    if before is not None and step.node in run.reused:
        return [SpanLink(trace_id=trace_id(before), span_id=span_id(before, step_id), relation="reused")]
    return []


def link_to(run: str, relation: str) -> SpanLink:
    """Return a link to another run's own span."""
    return SpanLink(trace_id=trace_id(run), span_id=span_id(run), relation=relation)
