"""``provider-calls`` (key: route) and ``cost-events`` (key: organisation): what was asked and what it did cost."""

from typing import ClassVar, Literal

from msgspec import structs

from schemas.payload import Payload
from schemas.records.base import Int64, Millis, NanoDollars, Record, Usage
from schemas.records.run_events import Capture
from schemas.records.security.pinned import CallLabels

CallOutcome = Literal["ok", "error", "rate_limited", "timeout", "unknown"]


class ProviderCall(Record, frozen=True, kw_only=True, tag_field="type", tag="provider.call"):
    """One request to a provider and its outcome, with what was sent and received as ``capture`` allows.

    ``notes`` are short codes of what was not as it should be: counts that the provider did not give, or that cannot be
    (see ``services.calls.counts``), and text that is no Unicode. ``ttft_ms`` is the time to the first piece of a
    streamed answer. An earlier answer that stood in is ``cached``, with its kind (``exact``, ``stale``, ``negative``,
    ``semantic``) and the cost of the call that gave it. ``priced_as`` is the route whose price stood in for that of a
    model without one. ``labels`` are those of a call of a run whose data has labels.
    """

    type: ClassVar[str] = "provider.call"
    call_id: str
    request_id: str
    org_id: str
    run_id: str
    step_id: str
    attempt: Int64
    workflow_name: str
    provider: str
    model: str
    outcome: CallOutcome
    error_code: str | None = None
    cached: bool = False
    usage: Usage = Usage()
    cost_nano: NanoDollars = 0
    price_version: str = ""
    started_at_ms: Millis
    latency_ms: float
    idempotency_key: str
    capture: Capture = "full"
    request: Payload | None = None
    response: Payload | None = None
    notes: list[str] = []
    ttft_ms: float | None = None
    cache_kind: str = ""
    saved_nano: NanoDollars = 0
    priced_as: str = ""
    labels: CallLabels | None = None

    @property
    def route(self) -> str:
        """``provider/model``, the record's key."""
        return f"{self.provider}/{self.model}"


class CallStarted(Record, frozen=True, kw_only=True, tag_field="type", tag="call.started"):
    """A call that costs money is about to be made; the provider is asked only when this is in the log.

    It is what is known of the call until its settlement comes: ``amount_nano`` is held for it, in the windows of
    ``booked_at_ms``. When nobody has said that it lives by ``expires_at_ms``, it is settled as ``presumed``.
    ``counters`` are the fields under which it is held for budgets with a counter of their own, ``caps`` the runs whose
    caps it counts against, ``priced_as`` the route whose price stands in for that of a model without one.
    """

    type: ClassVar[str] = "call.started"
    call_id: str
    org_id: str
    run_id: str
    step_id: str
    workflow_name: str
    provider: str
    model: str
    amount_nano: NanoDollars
    booked_at_ms: Millis
    expires_at_ms: Millis
    price_version: str
    tags: dict[str, str] = {}
    node_id: str = ""
    prompt_name: str = ""
    counters: list[str] = []
    caps: list[str] = []
    priced_as: str = ""

    def presumed(self) -> "CostEvent":
        """Return the settlement that the call becomes when it outlives its hold."""
        return CostEvent(
            call_id=self.call_id,
            kind="presumed",
            org_id=self.org_id,
            run_id=self.run_id,
            step_id=self.step_id,
            workflow_name=self.workflow_name,
            provider=self.provider,
            model=self.model,
            amount_nano=self.amount_nano,
            booked_at_ms=self.booked_at_ms,
            price_version=self.price_version,
            tags=self.tags,
            node_id=self.node_id,
            prompt_name=self.prompt_name,
            caps=self.caps,
            priced_as=self.priced_as,
        )

    def expired(self) -> "CostEvent":
        """Return the settlement that the call becomes when its hold ends: no outcome of a step reports it."""
        return structs.replace(self.presumed(), unreported=True)


class CostEvent(Record, frozen=True, kw_only=True, tag_field="type", tag="cost.event"):
    """One settlement: what a call did cost.

    ``booked_at_ms`` is the time of the call's hold; the amount books into the windows of that time. A call
    whose hold outlived it is settled as ``presumed`` at the estimate, and corrected by its ``actual`` event
    when that comes. ``call_id`` with ``kind`` is the record's id. ``unreported``: no outcome of a step has this cost,
    so the fold of budgets reports it to the run (``CallSettled``). ``caps`` are the runs whose caps it counts against.

    ``priced_as`` is the route whose price stood in for that of a model without one. ``cost_source`` is ``provider``
    when the amount is the cost that the provider stated, ``refused`` when that should have counted and could not be.
    ``stated_difference_nano`` is the provider's own cost less the computed one, where it stated one.
    """

    type: ClassVar[str] = "cost.event"
    call_id: str
    kind: Literal["actual", "presumed"] = "actual"
    org_id: str
    run_id: str
    step_id: str
    workflow_name: str
    provider: str
    model: str
    amount_nano: NanoDollars
    booked_at_ms: Millis
    usage: Usage = Usage()
    price_version: str
    tags: dict[str, str] = {}
    unreported: bool = False
    caps: list[str] = []
    node_id: str = ""
    prompt_name: str = ""
    priced_as: str = ""
    cost_source: Literal["", "provider", "refused"] = ""
    stated_difference_nano: Int64 = 0

    @property
    def event_id(self) -> str:
        """The record's id: the call and the kind of settlement."""
        return f"{self.call_id}/{self.kind}"
