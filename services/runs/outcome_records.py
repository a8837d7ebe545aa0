"""An attempt's outcome, said in records. Everything but the times follows from the request and the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.ports.engine import Headers, OutRecord
from schemas.errors import StepError
from schemas.ids import span_id, trace_id
from schemas.payload import Payload
from schemas.records.base import ErrorInfo, Record
from schemas.records.run_events import Chain, StepDeferred, StepFailed, StepSucceeded
from schemas.records.spans import Span, TraceSpans
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from services.calls.ledger import Ledger

"""Returns a record as it is appended."""

#: A message in words is cut here; what is longer belongs in a log.
MESSAGE_LIMIT = 2_048
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: an output, or an error. Times are milliseconds since the Unix epoch."""

    started_at_ms: int
    finished_at_ms: int
    output: Payload | None = None
    error: ErrorInfo | None = None


def error_info(error: StepError, step_id: str) -> ErrorInfo:
    """Return a step's error as records carry it, its message cut to ``MESSAGE_LIMIT`` bytes."""
    message = str(error).encode("utf-8", "replace")[:MESSAGE_LIMIT].decode("utf-8", "ignore")
    return ErrorInfo(
        code=error.code,
        message=message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        step_id=step_id,
        details={name: str(value) for name, value in error.details.items()},
    )


def outcome_records(request: StepRequest, outcome: Outcome, ledger: Ledger, worker_id: str) -> list[Record]:
    """Return what is appended for an attempt that ended, its result last."""
    result = result_record(request, outcome, ledger, worker_id)
    return [*ledger.calls, *ledger.costs, *ledger.routes, spans_record(request, outcome, ledger), result]


def result_record(request: StepRequest, outcome: Outcome, ledger: Ledger, worker_id: str) -> StepSucceeded | StepFailed:
    """Return the event that tells the run."""
    common: dict[str, Any] = {
        "run_id": request.run_id,
        "org_id": request.org_id,
        "step_id": request.step_id,
        "attempt": request.attempt,
        "worker_id": worker_id,
        "started_at_ms": outcome.started_at_ms,
        "finished_at_ms": outcome.finished_at_ms,
        "usage": ledger.usage,
        "cost_nano": ledger.cost_nano,
        "provider": ledger.provider,
        "model": ledger.model,
        "cached": ledger.cached,
        "call_ids": ledger.call_ids,
        "chain": _given_back(request),
        "args_hash": request.args_hash,
        "call_costs": ledger.call_costs,
        "presumed_calls": ledger.presumed_calls,
    }
    if outcome.output is not None:
        return StepSucceeded(output=outcome.output, tool_calls=ledger.tool_calls, **common)
    if outcome.error is None:
        raise ValueError(f"the outcome of {request.request_id} has neither an output nor an error")
    return StepFailed(error=outcome.error, **common)


def deferred_record(request: StepRequest, until_ms: int, reason: str, worker_id: str) -> StepDeferred:
    """Return the event that gives an attempt back unstarted."""
    return StepDeferred(
        run_id=request.run_id,
        org_id=request.org_id,
        step_id=request.step_id,
        attempt=request.attempt,
        until_ms=until_ms,
        reason=reason,
        deferral=request.deferral + 1,
        worker_id=worker_id,
        chain=_given_back(request),
    )


def _given_back(request: StepRequest) -> Chain | None:
    """Return what is said of the chained steps, unless somebody says otherwise."""
    return "returned" if request.continuation else None


def spans_record(request: StepRequest, outcome: Outcome, ledger: Ledger) -> TraceSpans:
    """Return the attempt's span, below the run's, with one span for each request to a provider below it."""
    return TraceSpans(
        record_id=request.request_id,
        trace_id=trace_id(request.run_id),
        org_id=request.org_id,
        run_id=request.run_id,
        spans=[_attempt_span(request, outcome), *ledger.spans],
    )


def _attempt_span(request: StepRequest, outcome: Outcome) -> Span:
    error = outcome.error
    return Span(
        span_id=span_id(request.run_id, request.step_id, request.attempt),
        parent_span_id=span_id(request.run_id),
        name=_span_name(request),
        start_ns=outcome.started_at_ms * _NS_PER_MS,
        end_ns=outcome.finished_at_ms * _NS_PER_MS,
        status="ok" if error is None else "error",
        status_message="" if error is None else error.message,
        attributes=_attempt_attributes(request, outcome),
    )


def _span_name(request: StepRequest) -> str:
    match request.work:
        case ToolCall(name=name) | FunctionCall(name=name):
            return f"execute_tool {name}"
        case LlmCall() | AgentTurn():
            return f"step {request.step_id}"


def _attempt_attributes(request: StepRequest, outcome: Outcome) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "agentflow.workflow.name": request.workflow_name,
        "agentflow.workflow.version": request.workflow_version,
        "agentflow.step.id": request.step_id,
        "agentflow.step.attempt": request.attempt,
        "agentflow.step.tier": request.tier,
    }
    match request.work:
        case ToolCall(name=name) | FunctionCall(name=name):
            attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
            attributes["gen_ai.tool.type"] = "function"
        case (
            LlmCall(prompt_name=name, prompt_version=version)
            | AgentTurn(call=LlmCall(prompt_name=name, prompt_version=version))
        ):
            attributes["agentflow.prompt.ref"] = f"{name}@{version}"
    if outcome.error is not None:
        attributes["error.type"] = outcome.error.code
    return attributes


def pack(records: Sequence[OutRecord]) -> bytes:
    """Return records as a claim stores them, such that ``unpack`` gives the very same bytes."""
    return orjson.dumps([[r.topic, _text(r.key), _text(r.value), _texts(r.headers)] for r in records])


def unpack(data: bytes) -> list[OutRecord]:
    """Return the records that ``pack`` was given."""
    return [
        OutRecord(topic, _bytes(key), _bytes(value), tuple((name, _bytes(text)) for name, text in headers))
        for topic, key, value, headers in orjson.loads(data)
    ]


def _texts(headers: Headers) -> list[tuple[str, str | None]]:
    return [(name, _text(value)) for name, value in headers]


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
