"""The spans of one attempt, in one record: its own, its call of a tool, and those that its calls left in the ledger.

The attempt begins with its request, so that what it waited for before a worker began it is inside of it, as phases.
The span of its step is in another record, which the fold of the run writes at the run's end.
"""

from typing import Any

from schemas.ids import guard_span_id, span_id, trace_id
from schemas.payload import Inline
from schemas.records.base import ErrorInfo
from schemas.records.hashes import value_hash
from schemas.records.spans import Phase, Span, TraceSpans
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from schemas.trace_context import session_of, user_of
from schemas.version import VERSION
from services.calls.ledger import NS_PER_MS, Ledger
from services.runs.attempts.outcome import Outcome

#: The part of an attempt that is its call of a tool, as in ``schemas.ids.span_id``.
TOOL = "tool"


def spans_record(request: StepRequest, outcome: Outcome, ledger: Ledger, worker_id: str) -> TraceSpans:
    """Return the spans of an attempt that ended, its own first."""
    attempt = _attempt_span(request, outcome, ledger, worker_id)
    return TraceSpans(
        record_id=request.request_id,
        trace_id=trace_id(request.run_id),
        org_id=request.org_id,
        run_id=request.run_id,
        spans=[attempt, *_guard_spans(request, attempt, ledger), *_tool_spans(request, attempt, ledger), *ledger.spans],
        workflow_name=request.workflow_name,
        tags=request.tags,
        session_id=session_of(request.tags),
        user_id=user_of(request.tags),
    )


def _attempt_span(request: StepRequest, outcome: Outcome, ledger: Ledger, worker_id: str) -> Span:
    error, requested_ms = outcome.error, min(request.requested_at_ms, outcome.started_at_ms)
    return Span(
        span_id=span_id(request.run_id, request.step_id, request.attempt),
        parent_span_id=span_id(request.run_id, request.step_id),
        name=f"attempt {request.node_id}",
        start_ns=requested_ms * NS_PER_MS,
        end_ns=outcome.finished_at_ms * NS_PER_MS,
        status="ok" if error is None else "error",
        status_message=_message(request, error),
        attributes=_attributes(request, worker_id),
        type="attempt",
        step_id=request.step_id,
        attempt=request.attempt,
        error_code="" if error is None else error.code,
        input_hash=_input_hash(request, ledger),
        output_hash=_output_hash(outcome, ledger),
        phases=_phases(requested_ms, outcome, ledger),
    )


def _tool_spans(request: StepRequest, attempt: Span, ledger: Ledger) -> list[Span]:
    """Return the span of the tool's call, if one was made. A function is nothing but its attempt."""
    work, run = request.work, ledger.tool
    if run is None or not isinstance(work, ToolCall):
        return []
    tool = Span(
        span_id=span_id(request.run_id, request.step_id, request.attempt, TOOL),
        parent_span_id=attempt.span_id,
        name=f"execute_tool {work.name}",
        kind="client",
        start_ns=run.start_ms * NS_PER_MS,
        end_ns=run.end_ms * NS_PER_MS,
        status="error" if run.failed else "ok",
        attributes={"agentflow.tool.name": work.name},
        type="tool_call",
        step_id=request.step_id,
        attempt=request.attempt,
        error_code=attempt.error_code if run.failed else "",
        input_hash=attempt.input_hash,
        output_hash=run.output_hash or ("" if run.failed else attempt.output_hash),
    )
    return [tool]


def _guard_spans(request: StepRequest, attempt: Span, ledger: Ledger) -> list[Span]:
    """Return the span of what a policy decided, if it decided anything: its decisions, and the one that stopped it."""
    at_ms, security = ledger.decided_at_ms, request.security
    if at_ms is None or security is None:
        return []
    stopped = next((one for one in ledger.decisions if one.enforced and one.verdict == "deny"), None)
    start_ns = at_ms * NS_PER_MS
    decided = [
        {"point": one.point, "rule": one.rule, "verdict": one.verdict, "subject": one.subject}
        | {"reason": one.reason, "enforced": one.enforced, "labels": one.labels}
        for one in ledger.decisions
    ]
    guard = Span(
        span_id=guard_span_id(attempt.span_id, "policy"),
        parent_span_id=attempt.span_id,
        name=f"policy {security.policy}",
        start_ns=start_ns,
        end_ns=start_ns + int(ledger.decided_s * 1e9),
        status="ok" if stopped is None else "error",
        status_message="" if stopped is None else f"rule {stopped.rule}: {stopped.reason}",
        attributes={"agentflow.policy.ref": security.policy, "agentflow.policy.decisions": decided},
        type="guard",
        step_id=request.step_id,
        attempt=request.attempt,
        error_code="" if stopped is None else attempt.error_code,
    )
    return [guard]


def _message(request: StepRequest, error: ErrorInfo | None) -> str:
    # The words of an error may repeat what was sent or received.
    return error.message if error is not None and request.capture == "full" else ""


def _attributes(request: StepRequest, worker_id: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"agentflow.worker.id": worker_id, "agentflow.worker.version": VERSION}
    attributes["agentflow.step.tier"] = request.tier
    if request.deferral:
        attributes["agentflow.step.deferrals"] = request.deferral
    match request.work:
        case ToolCall(name=name):
            attributes["agentflow.tool.name"] = name
        case FunctionCall(name=name):
            attributes["agentflow.function.name"] = name
        case (
            LlmCall(prompt_name=name, prompt_version=version)
            | AgentTurn(call=LlmCall(prompt_name=name, prompt_version=version))
        ):
            attributes["agentflow.prompt.ref"] = f"{name}@{version}"
    return attributes


def _input_hash(request: StepRequest, ledger: Ledger) -> str:
    """Return the hash of the bound arguments; none where it is not known what stored ones are."""
    if ledger.input_hash or request.links:
        return ledger.input_hash
    return value_hash(request.args)


def _output_hash(outcome: Outcome, ledger: Ledger) -> str:
    output = outcome.output
    return value_hash(output.value) if isinstance(output, Inline) else ledger.output_hash


def _phases(requested_ms: int, outcome: Outcome, ledger: Ledger) -> list[Phase]:
    """Return what was waited for: first in the queue, until a worker took the request up."""
    taken_ms = min([outcome.started_at_ms, *(one.start_ns // NS_PER_MS for one in ledger.phases)])
    if taken_ms <= requested_ms:
        return ledger.phases
    queue = Phase(type="queue", start_ns=requested_ms * NS_PER_MS, end_ns=taken_ms * NS_PER_MS)
    return [queue, *ledger.phases]
