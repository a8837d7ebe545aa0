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


def run_spans(run: RunReader) -> list[TraceSpans]:
    """Return the spans of a run that has ended and of all its steps that have."""
    ended = [one for one in run.steps() if one[1].state in TERMINAL_STEP]
    late = {step_id: step for step_id, step in ended if _is_late(run, step)}
    steps = chain.from_iterable(_of_step(run, step_id, step) for step_id, step in ended if step_id not in late)
    spans, records = chain([_root(run)], steps, calls_of_run(run)), list[TraceSpans]()
    while chunk := list(islice(spans, SPANS_MOST)):
        records.append(_record(run, f"run/{len(records)}" if records else "run", chunk))
    # A span is in one record only, and these are written one by one while the run is in the table.
    return records + [_of_late_step(run, step_id, step) for step_id, step in late.items()]


def late_spans(run: RunReader) -> Iterator[TraceSpans]:
    """Yield what came after the run's end: steps that compensate or were never requested, and calls settled late."""
    for step_id, step in run.changed.items():
        if step.state in TERMINAL_STEP and _is_late(run, step):
            yield _of_late_step(run, step_id, step)
        elif spans := list(calls_of_step(run, step_id, step)):
            yield _record(run, f"calls/{step_id}", spans)
    if run.booked_other and (spans := list(calls_of_run(run))):
        yield _record(run, "calls", spans)


def _is_late(run: RunReader, step: Step) -> bool:
    """Return whether a step may end, or be heard of, after its run."""
    # A step that was never requested is one that a worker went on to by itself.
    return (step.requested_at_ms is None and step.attempt > 0) or run.node_of(step).compensates


def _of_late_step(run: RunReader, step_id: str, step: Step) -> TraceSpans:
    return _record(run, f"step/{step_id}", list(_of_step(run, step_id, step)))


def _of_step(run: RunReader, step_id: str, step: Step) -> Iterator[Span]:
    yield from step_spans(run, step_id, step)
    if step.booked is not None:
        yield from calls_of_step(run, step_id, step)


def _record(run: RunReader, part: str, spans: list[Span]) -> TraceSpans:
    header = run.header
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


def _root(run: RunReader) -> Span:
    header, error = run.header, run.error
    return Span(
        span_id=span_id(header.run_id),
        name=f"workflow {header.workflow_name}",
        start_ns=header.submitted_at_ms * NS_PER_MS,
        end_ns=max(header.submitted_at_ms, run.finished_at_ms or 0) * NS_PER_MS,
        status="ok" if run.status == "succeeded" else "error" if run.status == "failed" else "unset",
        status_message=error.message[:WORDS_MOST] if error and header.capture == "full" else "",
        attributes=_attributes(run),
        type="run",
        error_code="" if error is None else error.code,
        input_hash=_input_hash(run),
        links=_links(run),
    )


def _attributes(run: RunReader) -> dict[str, Any]:
    header = run.header
    attributes: dict[str, Any] = {
        "agentflow.run.status": run.status,
        "agentflow.workflow.version": header.workflow_version,
        "agentflow.workflow.hash": header.spec_hash,
    }
    if header.tracestate:
        attributes["agentflow.submission.tracestate"] = header.tracestate
    if arms := run.arms:
        attributes["agentflow.deployment.arm"] = [f"{one.ref}:{one.arm}" for one in arms]
    return attributes


def _input_hash(run: RunReader) -> str:
    stored = run.stored_inputs
    if not stored:
        return value_hash(run.inputs)
    return value_hash([run.inputs, {name: one.sha256 for name, one in stored.items()}])


def _links(run: RunReader) -> list[SpanLink]:
    """Return what led to the run: the caller's span, the step that started it, the run that it continues."""
    header, links = run.header, []
    sender = traceparent_ids(header.traceparent)
    if sender is not None:
        relation = "submission" if run.parent is None else "parent"
        links.append(SpanLink(trace_id=sender[0], span_id=sender[1], relation=relation))
    before = forked_from(header.source)
    if before is not None:
        links.append(link_to(before, "forked_from"))
    return links
