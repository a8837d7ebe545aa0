"""Adds up ``cost-events`` by second. It holds back nothing and waits for nothing; the ledger is elsewhere.

A call's money is held from its start until its settlement or, at the latest, until its hold ends. A settlement counts
once, and the actual cost of a call that was presumed before counts by its difference, as in the fold of budgets. What
is older than ``STALE_MS`` is no news and is left out: a role that starts on a long log does not show last week as now.
"""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.prometheus.places import Places
from connectors.recent_ids import RecentIds
from schemas.metrics import LIVE_COST_SETTLED_TOTAL
from schemas.metrics.labels import OTHER
from schemas.records.money import CallStarted, CostEvent

STALE_MS = 60_000
#: Sets of organisation, workflow, provider and model that have a row of their own.
MOST_SPENDERS = 200
#: Calls in flight, calls that were presumed and whose cost may still come, and calls that are known to be settled, so
#: that a repeat does not count. The last take 8 bytes each, and nearly all calls are soon of them.
MOST_CALLS = 100_000


class Spender(NamedTuple):
    """Who spends, and on what."""

    org: str
    workflow: str
    provider: str
    model: str


OTHERS = Spender(OTHER, OTHER, OTHER, OTHER)


class Row(NamedTuple):
    """A spender's second, in nano-dollars: what was settled in it, and what is held at its end."""

    spender: Spender
    settled_nano: int
    held_nano: int


class Second(NamedTuple):
    """The rows of all spenders with anything to say. ``oldest_ms`` is when the first settlement was written."""

    rows: tuple[Row, ...]
    oldest_ms: int | None


class _Held(NamedTuple):
    spender: Spender
    amount_nano: int
    expires_at_ms: int


@dataclass
class LiveCost:
    """The sums of one process. ``places`` says which spenders are shown by name."""

    places: Places = field(default_factory=lambda: Places(MOST_SPENDERS))
    most_calls: int = MOST_CALLS
    _settled: defaultdict[Spender, int] = field(default_factory=lambda: defaultdict(int))
    _held: defaultdict[Spender, int] = field(default_factory=lambda: defaultdict(int))
    _calls: dict[str, _Held] = field(default_factory=dict)
    _presumed: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _shown: frozenset[Spender] = frozenset()
    _oldest_ms: int | None = None

    def __post_init__(self) -> None:
        self._settled_calls = RecentIds(self.most_calls)

    def started(self, call: CallStarted, now_ms: int) -> None:
        """Hold the amount of a call that begins, unless its hold is over or more calls are held than there is room."""
        known = call.call_id in self._calls or call.call_id in self._presumed or call.call_id in self._settled_calls
        if known or call.expires_at_ms <= now_ms:
            return
        if len(self._calls) >= self.most_calls:
            return
        held = _Held(self._named(spender_of(call), call.amount_nano), call.amount_nano, call.expires_at_ms)
        self._calls[call.call_id] = held
        self._held[held.spender] += held.amount_nano

    def settled(self, event: CostEvent, written_ms: int, now_ms: int) -> tuple[Spender, int]:
        """Count a settlement that was written at a time; return who is shown to have spent how much more."""
        self._release(event.call_id)
        amount = self._news(event)
        spender = self._named(spender_of(event), amount)
        if written_ms + STALE_MS < now_ms or not amount:
            return spender, 0
        self._settled[spender] += amount
        self._oldest_ms = written_ms if self._oldest_ms is None else min(self._oldest_ms, written_ms)
        return spender, amount

    def take(self, now_ms: int) -> Second:
        """Return the second that ends now, and begin the next. Who has nothing any more is in it once, with zeros."""
        for call_id in [call_id for call_id, held in self._calls.items() if held.expires_at_ms <= now_ms]:
            self._release(call_id)
        named = self._settled.keys() | self._held.keys() | self._shown
        rows = tuple(Row(one, self._settled.get(one, 0), self._held.get(one, 0)) for one in sorted(named))
        second = Second(rows, self._oldest_ms)
        self._shown = frozenset(row.spender for row in rows if row.settled_nano or row.held_nano)
        self._settled.clear()
        self._oldest_ms = None
        return second

    def _named(self, spender: Spender, amount: int) -> Spender:
        if not self.places.has(LIVE_COST_SETTLED_TOTAL, spender):
            self.places.give(LIVE_COST_SETTLED_TOTAL, {spender: amount})
        return spender if self.places.has(LIVE_COST_SETTLED_TOTAL, spender) else OTHERS

    def _release(self, call_id: str) -> None:
        held = self._calls.pop(call_id, None)
        if held is None:
            return
        left = self._held[held.spender] - held.amount_nano
        if left:
            self._held[held.spender] = left
        else:
            del self._held[held.spender]

    def _news(self, event: CostEvent) -> int:
        """Return what a settlement adds to what is known of its call."""
        if event.call_id in self._settled_calls:
            return 0
        if event.kind == "actual":
            self._settled_calls.add(event.call_id)
            return event.amount_nano - self._presumed.pop(event.call_id, 0)
        if event.call_id in self._presumed:
            return 0
        self._presumed[event.call_id] = event.amount_nano
        if len(self._presumed) > self.most_calls:
            self._presumed.popitem(last=False)
        return event.amount_nano


def spender_of(record: CallStarted | CostEvent) -> Spender:
    """Return who spends, as a record says."""
    return Spender(record.org_id, record.workflow_name, record.provider, record.model)
