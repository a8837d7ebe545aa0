"""What a user's worker says that a step has cost it: a settlement without a call that was made here."""

from schemas.ids import call_id, span_id
from schemas.records.money import CostEvent
from schemas.records.spans import Span
from schemas.records.steps import StepRequest
from services.calls.ledger import NS_PER_MS, Ledger

STATED = "stated"

Stated = tuple[str, str, int]
"""Provider, model and nano-dollars, as a worker states them."""


def book_stated(ledger: Ledger, request: StepRequest, stated: Stated, since_ms: int, now_ms: int) -> None:
    """Book a stated cost of an attempt that was leased from ``since_ms`` to ``now_ms``, with a span that has it."""
    ledger.provider, ledger.model, amount_nano = stated
    settlement = CostEvent(
        call_id=call_id(request.request_id, 1),
        org_id=request.org_id,
        run_id=request.run_id,
        step_id=request.step_id,
        workflow_name=request.workflow_name,
        provider=ledger.provider,
        model=ledger.model,
        amount_nano=amount_nano,
        booked_at_ms=now_ms,
        price_version=STATED,
        tags=request.tags,
        caps=list(request.caps),
        node_id=request.node_id,
    )
    ledger.costs.append(settlement)
    ledger.spans.append(_span(request, settlement, since_ms, now_ms))


def _span(request: StepRequest, cost: CostEvent, since_ms: int, now_ms: int) -> Span:
    """Return the span of all calls that the cost is of: when they were made is not said."""
    return Span(
        span_id=span_id(request.run_id, request.step_id, request.attempt, cost.call_id),
        parent_span_id=span_id(request.run_id, request.step_id, request.attempt),
        name=f"stated {cost.model}",
        kind="client",
        start_ns=since_ms * NS_PER_MS,
        end_ns=now_ms * NS_PER_MS,
        attributes={"agentflow.call.id": cost.call_id, "agentflow.call.stated": True},
        type="llm_call",
        step_id=request.step_id,
        attempt=request.attempt,
        provider=cost.provider,
        model=cost.model,
        cost_nano=cost.amount_nano,
    )
