"""What was done on the way to an outcome, added up."""

from schemas.records.base import Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.spans import Span
from services.calls.ledger import Ledger

SPAN = Span(span_id="s" * 16, name="chat m", start_ns=0, end_ns=1)


def made(call_id: str, *, cached: bool = False, outcome: str = "ok", tokens: int = 0) -> ProviderCall:
    return ProviderCall(
        call_id=call_id,
        request_id="r",
        org_id="acme",
        run_id="run",
        step_id="step",
        attempt=1,
        workflow_name="flow",
        provider="p",
        model="m",
        outcome=outcome,  # type: ignore[arg-type]
        cached=cached,
        usage=Usage(input_tokens=tokens, output_tokens=2 * tokens),
        started_at_ms=1,
        latency_ms=1.0,
        idempotency_key="r",
    )


def cost(call_id: str, amount_nano: int) -> CostEvent:
    return CostEvent(
        call_id=call_id,
        org_id="acme",
        run_id="run",
        step_id="step",
        workflow_name="flow",
        provider="p",
        model="m",
        amount_nano=amount_nano,
        booked_at_ms=1,
        price_version="v",
    )


def test_calls_are_added_up_and_counted_by_outcome() -> None:
    ledger = Ledger()
    ledger.add(made("c1", tokens=5), cost("c1", 7), SPAN)
    ledger.add(made("c2", outcome="timeout", tokens=1), cost("c2", 3), SPAN)
    ledger.add(made("c3", outcome="error"), None, SPAN)
    assert (ledger.cost_nano, ledger.usage) == (10, Usage(input_tokens=6, output_tokens=12))
    assert (ledger.call_ids, ledger.cached, len(ledger.spans)) == (["c1", "c2", "c3"], False, 3)
    route = "provider_requests_total|provider=p|model=m|outcome="
    assert dict(ledger.counts) == {f"{route}ok": 1, f"{route}timeout": 1, f"{route}error": 1}


def test_an_earlier_answer_reached_no_provider() -> None:
    ledger = Ledger()
    ledger.add(made("c1", cached=True), None, SPAN)
    assert (ledger.cached, ledger.call_ids, ledger.cost_nano, len(ledger.calls)) == (True, [], 0, 1)
    assert dict(ledger.counts) == {"cache_hits_total|provider=p|model=m": 1}
