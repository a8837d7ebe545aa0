"""The records of a call: the request to a provider, its start, its settlement. All follow from the call."""

from msgspec import structs

from schemas.errors import StepError
from schemas.records.base import Json, Usage
from schemas.records.money import CallOutcome, CallStarted, CostEvent, ProviderCall
from schemas.records.security.pinned import CallLabels
from services.calls.call import Call
from services.calls.stated_cost import Booked

NOTHING = Usage()


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
        labels=_labels(call),
    )


def _labels(call: Call) -> CallLabels | None:
    security = call.security
    if security is None:
        return None
    return CallLabels(
        args=security.args,
        control=security.control,
        context=security.context,
        agent=security.agent,
        data_class=call.data_class,
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
