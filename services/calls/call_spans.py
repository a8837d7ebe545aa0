"""The spans of a call: of the request to a provider, of the answer that stood in for it, of guards that looked at it.

A span's own times are those of the request itself. What the call waited for before (quota, hold) are phases of the
attempt, see ``Ledger.waited``. Hashes are there whatever ``capture`` lets be recorded; words of errors are not.
"""

from typing import Any, Literal

from msgspec import to_builtins

from connectors.providers.base import ModelResponse
from schemas.errors import StepError
from schemas.ids import guard_span_id
from schemas.records.base import Json
from schemas.records.hashes import value_hash
from schemas.records.money import ProviderCall
from schemas.records.spans import Span, SpanType
from services.caching.key import question_hash
from services.calls.call import Call
from services.calls.ledger import NS_PER_MS

When = Literal["input", "output"]


def call_span(call: Call, record: ProviderCall, response: ModelResponse | None = None) -> Span:
    """Return the span of a request to a provider, or of the earlier answer that stood in for it."""
    start_ns, usage = record.started_at_ms * NS_PER_MS, record.usage
    return Span(
        span_id=call.trace.span_id,
        parent_span_id=call.trace.parent_span_id,
        name=f"{'cache' if record.cached else call.operation} {record.model}",
        kind="internal" if record.cached else "client",
        start_ns=start_ns,
        end_ns=start_ns + int(record.latency_ms * NS_PER_MS),
        status="ok" if record.outcome == "ok" else "error",
        attributes=_attributes(call, record),
        type=_type(call, record),
        step_id=call.origin.step_id,
        attempt=call.origin.attempt,
        provider=record.provider,
        model=record.model,
        cost_nano=record.cost_nano,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        error_code=record.error_code or "",
        input_hash=_input_hash(call),
        output_hash="" if response is None else answer_hash(response),
    )


def guard_span(call: Call, when: When, start_ms: int, end_ms: int, stop: StepError | None) -> Span:
    """Return the span of the guards that looked at a call, before it or after it; ``stop`` is what they raised."""
    return Span(
        span_id=guard_span_id(call.trace.span_id, when),
        parent_span_id=call.trace.parent_span_id,
        name=f"guard {when}",
        start_ns=start_ms * NS_PER_MS,
        end_ns=end_ms * NS_PER_MS,
        status="ok" if stop is None else "error",
        type="guard",
        step_id=call.origin.step_id,
        attempt=call.origin.attempt,
        error_code="" if stop is None else stop.code,
    )


def answer_hash(response: ModelResponse) -> str:
    """Return the hash of what a model answered: its text, and the calls of tools without their ids."""
    said: Json = response.text
    if response.asked:
        said = [response.text, [[one.name, one.args] for one in response.asked]]
    return value_hash(said)


def _type(call: Call, record: ProviderCall) -> SpanType:
    if record.cached:
        return "cache"
    return "llm_call" if call.operation == "chat" else "embedding"


def _input_hash(call: Call) -> str:
    return question_hash(call.content.request("", "", call.timeout_s))


def _attributes(call: Call, record: ProviderCall) -> dict[str, Any]:
    content, finish_reason = call.content, call.ledger.finish_reason
    attributes: dict[str, Any] = {"agentflow.call.id": record.call_id}
    if content.max_tokens:
        attributes["agentflow.request.max_tokens"] = content.max_tokens
    if content.temperature is not None:
        attributes["agentflow.request.temperature"] = content.temperature
    attributes |= {f"agentflow.usage.{kind}": count for kind, count in (record.usage.kinds or {}).items()}
    if call.asked_tier is not None:
        attributes["agentflow.call.stepped_down_from"] = call.asked_tier
    if call.choice is not None and call.trial.number == 0:
        attributes["agentflow.route"] = to_builtins(call.choice)
    if call.trial.number or call.trial.kind == "repair":
        attributes["agentflow.try"] = to_builtins(call.trial)
    if record.outcome == "ok" and finish_reason is not None:
        attributes["agentflow.response.finish_reason"] = finish_reason
    if record.ttft_ms is not None:
        attributes["agentflow.call.ttft_ms"] = record.ttft_ms
    if record.cached:
        attributes["agentflow.cache.kind"] = record.cache_kind
        attributes["agentflow.cache.saved_nano"] = record.saved_nano
    if record.notes:
        attributes["agentflow.call.notes"] = record.notes
    return attributes
