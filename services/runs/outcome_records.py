"""An attempt's outcome, said in records. Everything but the times follows from the request and the outcome."""

from collections.abc import Sequence
from typing import Any

import orjson

from connectors.ports.engine import Headers, OutRecord
from schemas.records.base import Record
from schemas.records.run_events import Chain, StepDeferred, StepFailed, StepSucceeded
from schemas.records.security.pinned import Question
from schemas.records.steps import StepRequest
from services.calls.ledger import Ledger
from services.runs.attempts.outcome import Outcome
from services.runs.attempts.spans import spans_record
from services.security.enforcement.audit import audit_events


def outcome_records(request: StepRequest, outcome: Outcome, ledger: Ledger, worker_id: str) -> list[Record]:
    """Return what is appended for an attempt that ended, its result last."""
    result = result_record(request, outcome, ledger, worker_id)
    decided = audit_events(request, ledger.decisions, ledger.audited, outcome.finished_at_ms)
    spans = spans_record(request, outcome, ledger, worker_id)
    return [*ledger.calls, *ledger.costs, *ledger.routes, *decided, spans, result]


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
        "redacted": request.security is not None,
    }
    if outcome.output is not None:
        return StepSucceeded(output=outcome.output, tool_calls=ledger.tool_calls, **common)
    if outcome.error is None:
        raise ValueError(f"the outcome of {request.request_id} has neither an output nor an error")
    return StepFailed(error=outcome.error, exposed=outcome.exposed, **common)


def deferred_record(
    request: StepRequest, until_ms: int, reason: str, worker_id: str, asks: Question | None = None
) -> StepDeferred:
    """Return the event that gives an attempt back unstarted; ``asks`` is what a person must answer first."""
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
        asks=asks,
    )


def _given_back(request: StepRequest) -> Chain | None:
    """Return what is said of the chained steps, unless somebody says otherwise."""
    return "returned" if request.continuation else None


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
