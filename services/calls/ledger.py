"""What was done on the way to an outcome: calls, money, counts. It survives the failure of the work."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.metrics import (
    CACHE_HITS_TOTAL,
    CACHE_SAVED_NANODOLLARS_TOTAL,
    PROVIDER_REQUESTS_TOTAL,
    STATED_COST_DIFFERENCE_TOTAL,
    STATED_COSTS_TOTAL,
)
from schemas.metrics.fields import counter_field
from schemas.records.base import Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.routes import RouteOutcome
from schemas.records.run_events import ToolUse
from schemas.records.security.pinned import Decision
from schemas.records.spans import Phase, Span
from services.calls.stated_cost import Booked

Wait = Literal["queue", "claim", "quota", "hold", "cache"]
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class ToolRun:
    """When a tool was called, in milliseconds, and whether that failed, which fails the attempt."""

    start_ms: int
    end_ms: int
    failed: bool = False
    output_hash: str = ""


@dataclass(slots=True)
class Ledger:
    """Filled while the work is in progress. ``costs`` are settlements; a provider call without one cost nothing.
    ``routes`` are outcomes of choices to learn from.

    ``begun`` is awaited before a provider is asked. ``rendered``: the call got as far as its prompt. ``key_suffix``
    ends the idempotency key of a call that takes the place of another one. ``aside``: it is made beside its run, and no
    run pays for it.

    Its records are for whoever made it to append: a worker does so with its step's outcome.
    """

    calls: list[ProviderCall] = field(default_factory=list)
    costs: list[CostEvent] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    provider: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    tool_calls: list[ToolUse] = field(default_factory=list)
    routes: list[RouteOutcome] = field(default_factory=list)
    #: What was waited for; the hashes of inputs and output, where they do not follow from the records.
    phases: list[Phase] = field(default_factory=list)
    input_hash: str = ""
    output_hash: str = ""
    tool: ToolRun | None = None
    begun: Callable[[], Awaitable[None]] | None = None
    rendered: bool = False
    key_suffix: str = ""
    aside: bool = False
    #: What policies decided, and how many of these decisions are in the audit log already.
    decisions: list[Decision] = field(default_factory=list)
    audited: int = 0
    #: When it was decided first, and how long all decisions took, in seconds.
    decided_at_ms: int | None = None
    decided_s: float = 0.0
    #: The label of earlier answers that were used again, as words; empty without one.
    labels: list[str] = field(default_factory=list)
    #: What detectors found in the output, as labels of its places.
    found: Labels | None = None

    def decided(self, decisions: Sequence[Decision], at_ms: int, seconds: float) -> None:
        """Note what a policy decided."""
        self.decided_s += seconds
        if decisions:
            self.decisions += decisions
            self.decided_at_ms = at_ms if self.decided_at_ms is None else self.decided_at_ms

    def find(self, labels: Labels) -> None:
        """Note labels of what was found in the output."""
        self.found = labels if self.found is None else self.found.join(labels)

    @property
    def output_labels(self) -> dict[str, list[str]]:
        """What is known of the output's labels here, as a payload has them: of earlier answers, and of findings."""
        if self.found is None:
            return {"$": self.labels} if self.labels else {}
        return (self.found.raised(label_of(self.labels)) if self.labels else self.found).recorded

    def waited(self, what: Wait, since_ms: int, until_ms: int) -> None:
        """Note a wait. One that took no whole millisecond is none, so that most attempts have no phases to record."""
        if until_ms > since_ms:
            self.phases.append(Phase(type=what, start_ns=since_ms * NS_PER_MS, end_ns=until_ms * NS_PER_MS))

    def add(self, call: ProviderCall, settlement: CostEvent | None, span: Span) -> None:
        """Book a call that was made, or an earlier answer that stood in for it."""
        self.calls.append(call)
        self.spans.append(span)
        if settlement is not None:
            self.costs.append(settlement)
        route = (("provider", call.provider), ("model", call.model))
        if call.cached:
            self.counts[counter_field(CACHE_HITS_TOTAL, route)] += 1
            if call.saved_nano:
                self.counts[counter_field(CACHE_SAVED_NANODOLLARS_TOTAL, route)] += call.saved_nano
        else:
            self.counts[counter_field(PROVIDER_REQUESTS_TOTAL, (*route, ("outcome", call.outcome)))] += 1

    def count_stated(self, provider: str, stated_usd: object, cost: Booked) -> None:
        """Count a cost that a provider stated, and by how much it differs from the computed one."""
        if stated_usd is None:
            return
        taken = "refused" if cost.note else cost.source or "computed"
        self.counts[counter_field(STATED_COSTS_TOTAL, (("provider", provider), ("booked", taken)))] += 1
        if cost.difference_nano:
            direction = "over" if cost.difference_nano > 0 else "under"
            labels = (("provider", provider), ("direction", direction))
            self.counts[counter_field(STATED_COST_DIFFERENCE_TOTAL, labels)] += abs(cost.difference_nano)

    @property
    def cached(self) -> bool:
        """Whether the output came from the cache."""
        return any(call.cached for call in self.calls)

    @property
    def call_ids(self) -> list[str]:
        """The calls that reached a provider."""
        return [call.call_id for call in self.calls if not call.cached]

    @property
    def call_costs(self) -> dict[str, int]:
        """The cost of each call, where there are several."""
        ids = self.call_ids
        costs = {cost.call_id: cost.amount_nano for cost in self.costs}
        return {call: costs.get(call, 0) for call in ids} if len(ids) > 1 else {}

    @property
    def presumed_calls(self) -> list[str]:
        """The calls whose cost is an estimate."""
        return [cost.call_id for cost in self.costs if cost.kind == "presumed"]

    @property
    def cost_nano(self) -> int:
        """The cost of all calls."""
        return sum(cost.amount_nano for cost in self.costs)

    @property
    def usage(self) -> Usage:
        """The tokens of all calls."""
        total = Usage()
        for call in self.calls:
            total = total.plus(call.usage)
        return total
