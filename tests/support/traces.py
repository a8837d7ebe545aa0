"""The spans that workers write for what a history says of their attempts, and what is planted in traces to be found."""

from schemas.ids import call_span_id, request_id, span_id, trace_id
from schemas.payload import Inline
from schemas.records.base import ErrorInfo
from schemas.records.hashes import value_hash
from schemas.records.money import CostEvent
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.records.spans import Span, TraceSpans

NS_PER_MS = 1_000_000


def worker_spans(event: StepSucceeded | StepFailed) -> TraceSpans:
    """Return the record of spans of an attempt whose outcome a history has."""
    run, step, attempt = event.run_id, event.step_id, event.attempt
    error: ErrorInfo | None = event.error if isinstance(event, StepFailed) else None
    output = event.output if isinstance(event, StepSucceeded) else None
    own = Span(
        span_id=span_id(run, step, attempt),
        parent_span_id=span_id(run, step),
        name=f"attempt {step}",
        start_ns=event.started_at_ms * NS_PER_MS,
        end_ns=event.finished_at_ms * NS_PER_MS,
        status="ok" if error is None else "error",
        error_code="" if error is None else error.code,
        type="attempt",
        step_id=step,
        attempt=attempt,
        output_hash=value_hash(output.value) if isinstance(output, Inline) else "",
    )
    calls = [_call(event, cost) for cost in settlements(event)]
    return TraceSpans(
        record_id=request_id(run, step, attempt),
        trace_id=trace_id(run),
        org_id=event.org_id,
        run_id=run,
        spans=[own, *calls],
    )


def settlements(event: StepSucceeded | StepFailed) -> list[CostEvent]:
    """Return the settlements of an outcome's calls. The first one has all tokens."""
    costs = event.call_costs or ({event.call_ids[0]: event.cost_nano} if event.call_ids else {})
    return [
        CostEvent(
            call_id=call,
            org_id=event.org_id,
            run_id=event.run_id,
            step_id=event.step_id,
            workflow_name="",
            provider="local",
            model="m",
            amount_nano=amount,
            booked_at_ms=event.finished_at_ms,
            price_version="",
            kind="presumed" if call in event.presumed_calls else "actual",
        )
        for call, amount in costs.items()
    ]


def _call(event: StepSucceeded | StepFailed, cost: CostEvent) -> Span:
    run, step, attempt = event.run_id, event.step_id, event.attempt
    return Span(
        span_id=call_span_id(run, step, attempt, cost.call_id),
        parent_span_id=span_id(run, step, attempt),
        name="chat m",
        kind="client",
        start_ns=event.started_at_ms * NS_PER_MS,
        end_ns=event.finished_at_ms * NS_PER_MS,
        attributes={"agentflow.call.id": cost.call_id},
        type="llm_call",
        step_id=step,
        attempt=attempt,
        cost_nano=cost.amount_nano,
    )
