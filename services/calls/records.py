"""The records of a call: the request to a provider, its start, its settlement, its span. All follow from the call."""

from typing import Any

from msgspec import structs, to_builtins

from schemas.errors import StepError
from schemas.records.base import Json, Usage
from schemas.records.money import CallOutcome, CallStarted, CostEvent, ProviderCall
from schemas.records.spans import Span
from services.calls.call import Call
from services.calls.stated_cost import Booked

_NS_PER_MS = 1_000_000
NOTHING = Usage()
#: OpenTelemetry's names of kinds of usage, where they differ from ours.
_KIND_NAMES = {
    "cache_read_tokens": "cache_read.input_tokens",
    "cache_write_tokens": "cache_creation.input_tokens",
    "reasoning_tokens": "reasoning.output_tokens",
}


def provider_call(call: Call, outcome: CallOutcome, started_at_ms: int, latency_ms: float) -> ProviderCall:
    """Return the record of a request to a provider, without what was sent and received."""
    origin = call.origin
    return ProviderCall(
        call_id=call.call_id,
        request_id=origin.request_id,
        org_id=call.org_id,
        run_id=origin.run_id,
        step_id=origin.step_id,
        attempt=origin.attempt,
        workflow_name=origin.workflow_name,
        provider=call.route.provider,
        model=call.route.model,
        outcome=outcome,
        price_version=call.reserved.price_version,
        started_at_ms=started_at_ms,
        latency_ms=latency_ms,
        idempotency_key=call.idempotency_key,
        capture=call.capture,
        priced_as=call.reserved.priced_as,
    )


def call_started(call: Call, expires_at_ms: int) -> CallStarted:
    """Return the call as the log knows it until it is settled."""
    origin, reserved = call.origin, call.reserved
    return CallStarted(
        call_id=call.call_id,
        org_id=call.org_id,
        run_id=origin.run_id,
        step_id=origin.step_id,
        workflow_name=origin.workflow_name,
        provider=call.route.provider,
        model=call.route.model,
        amount_nano=reserved.amount_nano,
        booked_at_ms=reserved.booked_at_ms,
        expires_at_ms=expires_at_ms,
        price_version=reserved.price_version,
        tags=call.tags,
        node_id=origin.node_id,
        prompt_name=call.prompt_name,
        counters=list(reserved.counters),
        caps=sorted(call.caps),
        priced_as=reserved.priced_as,
    )


def presumed(call: Call, amount_nano: int | None = None, usage: Usage = NOTHING) -> CostEvent | None:
    """Return the settlement of a call with an unknown outcome; none when nothing is held for it.

    It is the estimate, or ``amount_nano`` where ``usage`` is known in part.
    """
    if not call.reserved.amount_nano:
        return None
    event = call_started(call, 0).presumed()
    return event if amount_nano is None else structs.replace(event, amount_nano=amount_nano, usage=usage)


def settlement(call: Call, cost: Booked, usage: Usage) -> CostEvent | None:
    """Return the settlement at the actual cost; none of a call that costs nothing and was never announced."""
    if not (cost.amount_nano or call.reserved.amount_nano):
        return None
    return structs.replace(
        call_started(call, 0).presumed(),
        kind="actual",
        amount_nano=cost.amount_nano,
        usage=usage,
        cost_source=cost.source,
        stated_difference_nano=cost.difference_nano,
    )


def call_span(call: Call, record: ProviderCall) -> Span:
    """Return the span of a request to a provider."""
    start_ns = record.started_at_ms * _NS_PER_MS
    return Span(
        span_id=call.trace.span_id,
        parent_span_id=call.trace.parent_span_id,
        name=f"{call.operation} {record.model}",
        kind="client",
        start_ns=start_ns,
        end_ns=start_ns + int(record.latency_ms * _NS_PER_MS),
        status="ok" if record.outcome == "ok" else "error",
        attributes=_attributes(call, record),
    )


def _attributes(call: Call, record: ProviderCall) -> dict[str, Any]:
    content, finish_reason = call.content, call.ledger.finish_reason
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.model,
        "gen_ai.usage.input_tokens": record.usage.input_tokens,
        "gen_ai.usage.output_tokens": record.usage.output_tokens,
        **{f"gen_ai.usage.{_KIND_NAMES.get(kind, kind)}": n for kind, n in (record.usage.kinds or {}).items()},
        "agentflow.call.id": record.call_id,
        "agentflow.call.cached": record.cached,
        "agentflow.call.cost_nano": record.cost_nano,
        "gen_ai.request.max_tokens": content.max_tokens,
    }
    if call.asked_tier is not None:
        attributes["agentflow.call.stepped_down_from"] = call.asked_tier
    if call.choice is not None and call.trial.number == 0:
        attributes["agentflow.route"] = to_builtins(call.choice)
    if call.trial.number or call.trial.kind == "repair":
        attributes["agentflow.try"] = to_builtins(call.trial)
    if content.temperature is not None:
        attributes["gen_ai.request.temperature"] = content.temperature
    if record.outcome == "ok" and finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = [finish_reason]
    if record.ttft_ms is not None:
        attributes["agentflow.call.ttft_ms"] = record.ttft_ms
    if record.cached:
        attributes["agentflow.cache.kind"] = record.cache_kind
        attributes["agentflow.cache.saved_nano"] = record.saved_nano
    if record.notes:
        attributes["agentflow.call.notes"] = record.notes
    if record.error_code is not None:
        attributes["error.type"] = record.error_code
    return attributes


def asked(call: Call) -> dict[str, Json]:
    """Return the request in our own format, for a call whose exact body is unknown."""
    content = call.content
    body: dict[str, Json] = {
        "model": call.route.model,
        "prompt": content.prompt,
        "max_tokens": content.max_tokens,
    }
    return body if content.temperature is None else body | {"temperature": content.temperature}


def failure(error: StepError) -> dict[str, Json]:
    """Return an error as it stands in place of a response."""
    return {"error": {"code": error.code, "message": str(error)}}
