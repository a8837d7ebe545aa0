"""The spans of a run that has ended: its own, the root of its trace, and those of its steps.

They are written when the run ends, in records of at most ``SPANS_MOST`` spans. Steps that compensate end later: each of
them is written when it has ended. What is written again, after a restore, has the same ids.
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from schemas.ids import forked_from, span_id, trace_id, traceparent_ids
from schemas.records.hashes import value_hash
from schemas.records.spans import Span, SpanLink, TraceSpans
from schemas.run_states import TERMINAL_STEP
from schemas.trace_context import session_of, user_of
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.traces.calls import calls_of_run, calls_of_step
from streams.core.runs.traces.steps import NS_PER_MS, WORDS_MOST, link_to, step_spans

#: More would make records of over 100 KB, which every reader of the topic must take at once.
SPANS_MOST = 400


def run_spans(turn: RunReader) -> list[TraceSpans]:
    """Return the spans of a run that has ended and of all its steps that have."""
    ended = [one for one in turn.steps() if one[1].state in TERMINAL_STEP]
    late = {step_id: step for step_id, step in ended if _is_late(turn, step)}
    steps = chain.from_iterable(_of_step(turn, step_id, step) for step_id, step in ended if step_id not in late)
    spans, records = chain([_root(turn)], steps, calls_of_run(turn)), list[TraceSpans]()
    while chunk := list(islice(spans, SPANS_MOST)):
        records.append(_record(turn, f"run/{len(records)}" if records else "run", chunk))
    # A span is in one record only, and these are written one by one while the run is in the table.
    return records + [_of_late_step(turn, step_id, step) for step_id, step in late.items()]


def late_spans(turn: RunReader) -> Iterator[TraceSpans]:
    """Yield what came after the run's end: steps that compensate or were never requested, and calls settled late."""
    for step_id, step in turn.changed.items():
        if step.state in TERMINAL_STEP and _is_late(turn, step):
            yield _of_late_step(turn, step_id, step)
        elif spans := list(calls_of_step(turn, step_id, step)):
            yield _record(turn, f"calls/{step_id}", spans)
    if turn.booked_other and (spans := list(calls_of_run(turn))):
        yield _record(turn, "calls", spans)


def _is_late(turn: RunReader, step: Step) -> bool:
    """Return whether a step may end, or be heard of, after its run."""
    # A step that was never requested is one that a worker went on to by itself.
    return (step.requested_at_ms is None and step.attempt > 0) or turn.node_of(step).compensates


def _of_late_step(turn: RunReader, step_id: str, step: Step) -> TraceSpans:
    return _record(turn, f"step/{step_id}", list(_of_step(turn, step_id, step)))


def _of_step(turn: RunReader, step_id: str, step: Step) -> Iterator[Span]:
    yield from step_spans(turn, step_id, step)
    if step.booked is not None:
        yield from calls_of_step(turn, step_id, step)


def _record(turn: RunReader, part: str, spans: list[Span]) -> TraceSpans:
    header = turn.header
    return TraceSpans(
        record_id=f"{header.run_id}/{part}",
        trace_id=trace_id(header.run_id),
        org_id=header.org_id,
        run_id=header.run_id,
        spans=spans,
        workflow_name=header.workflow_name,
        tags=header.tags,
        session_id=session_of(header.tags),
        user_id=user_of(header.tags),
    )


def _root(turn: RunReader) -> Span:
    header, error = turn.header, turn.error
    return Span(
        span_id=span_id(header.run_id),
        name=f"workflow {header.workflow_name}",
        start_ns=header.submitted_at_ms * NS_PER_MS,
        end_ns=max(header.submitted_at_ms, turn.finished_at_ms or 0) * NS_PER_MS,
        status="ok" if turn.status == "succeeded" else "error" if turn.status == "failed" else "unset",
        status_message=error.message[:WORDS_MOST] if error and header.capture == "full" else "",
        attributes=_attributes(turn),
        type="run",
        error_code="" if error is None else error.code,
        input_hash=_input_hash(turn),
        links=_links(turn),
    )


def _attributes(turn: RunReader) -> dict[str, Any]:
    header = turn.header
    attributes: dict[str, Any] = {
        "agentflow.run.status": turn.status,
        "agentflow.workflow.version": header.workflow_version,
        "agentflow.workflow.hash": header.spec_hash,
    }
    if header.tracestate:
        attributes["agentflow.submission.tracestate"] = header.tracestate
    if arms := turn.arms:
        attributes["agentflow.deployment.arm"] = [f"{one.ref}:{one.arm}" for one in arms]
    return attributes


def _input_hash(turn: RunReader) -> str:
    stored = turn.stored_inputs
    if not stored:
        return value_hash(turn.inputs)
    return value_hash([turn.inputs, {name: one.sha256 for name, one in stored.items()}])


def _links(turn: RunReader) -> list[SpanLink]:
    """Return what led to the run: the caller's span, the step that started it, the run that it continues."""
    header, links = turn.header, []
    sender = traceparent_ids(header.traceparent)
    if sender is not None:
        relation = "submission" if turn.parent is None else "parent"
        links.append(SpanLink(trace_id=sender[0], span_id=sender[1], relation=relation))
    before = forked_from(header.source)
    if before is not None:
        links.append(link_to(before, "forked_from"))
    return links
