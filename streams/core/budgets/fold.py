"""The fold of ``cost-events``: what each organisation has spent, exactly, by dimension and window.

An organisation is one entity with one entry per spend field, in decimal text, which the Lua of holds reads, and one
per counter of a budget (``counters``), with the definitions of its budgets and what was reported of them
(``thresholds``). The cap of a run is one entity (``caps``). A call is one entity ``settled:<call id>``, kept for
``SETTLED_HORIZON_MS`` from its settlement. The rules:

    remembered   started comes        actual comes                    presumed comes
    nothing      put the hold back    spend it, release               spend it, release
    started      ignore               spend it, release               spend it, release
    presumed     ignore               spend the difference, release   ignore, release
    actual       ignore               ignore, release                 ignore, release

A settlement that no outcome reports, and each correction, is reported to the call's run (``CallSettled``), which counts
each call once, too.

So the spend is the sum of the final settlements of distinct calls, whatever the order and however often each
comes. And a started call has a hold, wherever the table was restored from, until it has a settlement, which the end of
the hold is, too. A release comes with every settlement, since a hold may have been put back after the first.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import orjson
from msgspec import structs

from schemas.budgets import counter_amounts, counter_text, spend_fields
from schemas.metrics import COST_SETTLEMENTS_TOTAL
from schemas.records.budgets import BudgetDefined, BudgetEvent, BudgetOpened, BudgetRemoved, OrganisationArrived
from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_caps import RunCapEvent, RunEnded, RunReleased, RunReserved
from schemas.records.run_events import CallSettled
from schemas.tables.budgets import (
    ARRIVED,
    BEGUN,
    CAP_PREFIX,
    DEFINED,
    REMOVED,
    REPORTED_PREFIX,
    RUN_REPORT,
    SETTLED_PREFIX,
    SETTLEMENT,
    DefinedBudget,
    Report,
    cap_entity,
    settled_entity,
)
from schemas.tables.entry import Entry, entry
from streams.core.budgets import caps, counters, thresholds
from streams.core.commands import Command, Count, Emit, ExpireAt, Hold, Release
from streams.core.org_ids import check_org_id
from streams.core.state import State

#: How long a settlement is remembered, and so how late a repeat of it may come and still be told apart. It is
#: half of the topic's retention: long past any worker's retry, short enough for a table in memory.
SETTLED_HORIZON_MS = 45 * 86_400_000

Effect = Literal["booked", "corrected", "repeated"]

_STARTED = msgspec.json.Decoder(CallStarted)
_RUN_REPORT = msgspec.json.Decoder(CallSettled)
_DEFINED = msgspec.json.Decoder(tuple[DefinedBudget, ...])
_NAMES = msgspec.json.Decoder(tuple[str, ...])
_REPORTS = msgspec.json.Decoder(tuple[Report, ...])


@dataclass(frozen=True, slots=True)
class Actual:
    """The call's real cost is booked."""

    amount_nano: int


@dataclass(frozen=True, slots=True)
class Presumed:
    """The call's estimate is booked, in these fields, until its real cost comes.

    ``booked_at_ms`` is the time whose windows these are; ``None`` in entries of earlier versions.
    """

    amount_nano: int
    fields: tuple[str, ...]
    booked_at_ms: int | None = None


Settlement = Actual | Presumed
CallEvent = CallStarted | CostEvent
MoneyEvent = CallEvent | BudgetEvent | RunCapEvent
_OF_BUDGETS = (BudgetDefined, BudgetRemoved, BudgetOpened, OrganisationArrived)
#: How many parts of moves are remembered: more than one move has.
PARTS_KEPT = 1_000
_OF_CAPS = (RunReserved, RunReleased, RunEnded)


class BudgetsFold:
    """The rules of the table ``budgets``; see ``streams.core.state.Fold``."""

    def touches(self, event: MoneyEvent) -> tuple[str, ...]:
        """Return the organisation and, if the event is of one, the call, with the caps that it counts against."""
        if isinstance(event, _OF_BUDGETS):
            return (event.org_id,)
        if isinstance(event, _OF_CAPS):
            return (cap_entity(event.run_id),)
        of_caps = map(cap_entity, event.caps) if isinstance(event, CostEvent) else ()
        return event.org_id, settled_entity(event.call_id), *of_caps

    def follows(self, state: State, event: MoneyEvent) -> tuple[str, ...]:
        """Return nothing: an event names all that it touches."""
        return ()

    def fold(self, state: State, event: MoneyEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply the start of a call, a settlement, or what is said of a budget.

        Raises ``BadRecord`` for an organisation id that may name another entity.
        """
        check_org_id(event.org_id)
        if isinstance(event, _OF_BUDGETS):
            return _of_budget(state, event, now_ms, offset)
        if isinstance(event, _OF_CAPS):
            return caps.apply(state, event, now_ms)
        known: Settlement | CallStarted | None = state.get(settled_entity(event.call_id), SETTLEMENT)
        if isinstance(event, CallStarted):
            return _start(state, event) if known is None else []
        if known is None or isinstance(known, CallStarted):
            return _book(state, event, now_ms)
        if isinstance(known, Presumed) and event.kind == "actual":
            return _correct(state, event, known, now_ms)
        return [_release(event), _count(event, "repeated")]

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Nothing more."""
        return ()

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return what was reported of an organisation's budgets, or to the run of a call: spend waits for nobody."""
        if entity.startswith(SETTLED_PREFIX):
            report: CallSettled | None = state.get(entity, RUN_REPORT)
            return [] if report is None else [Emit(report)]
        if entity.startswith(CAP_PREFIX):
            return []
        return list(thresholds.outstanding(state, entity))

    def encode(self, entity: str, field: str, value: Any) -> bytes:
        """Return spend as decimal text, a counter as pairs, a settlement as a JSON list.

        A call in progress is its record. Budgets are JSON.
        """
        if isinstance(value, int):
            return b"%d" % value
        if isinstance(value, Actual | Presumed):
            return encode_settlement(value)
        return counter_text(value).encode() if isinstance(value, dict) else msgspec.json.encode(value)

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return what ``encode`` was given."""
        return _decoded(field, data)

    def timer(self, entity: str, field: str, data: bytes) -> None:
        """Return nothing: the timers of this table are those of holds."""

    def hold(self, entity: str, field: str, data: bytes) -> CallStarted | None:
        """Return a call under way."""
        return _STARTED.decode(data) if field == SETTLEMENT and data.startswith(b"{") else None

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return whether what is written once of a call is among them."""
        return BEGUN in fields

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return everything: the settlement is what must be remembered."""
        return fields


def _decoded(field: str, data: bytes) -> Any:
    if field == SETTLEMENT:
        return _STARTED.decode(data) if data.startswith(b"{") else decode_settlement(data)
    if counters.is_counter(field):
        return counter_amounts(data.decode())
    if field == RUN_REPORT:
        return _RUN_REPORT.decode(data)
    if field == DEFINED:
        return _DEFINED.decode(data)
    if field in (REMOVED, ARRIVED):
        return _NAMES.decode(data)
    return _REPORTS.decode(data) if field.startswith(REPORTED_PREFIX) else int(data)


def encode_settlement(settlement: Settlement) -> bytes:
    """Return ``[amount]`` of an actual settlement, ``[amount, [fields], booked at]`` of a presumed one."""
    if isinstance(settlement, Actual):
        return b"[%d]" % settlement.amount_nano
    booked = [] if settlement.booked_at_ms is None else [settlement.booked_at_ms]
    return orjson.dumps([settlement.amount_nano, settlement.fields, *booked])


def decode_settlement(data: bytes) -> Settlement:
    """Return the settlement in ``encode_settlement``'s bytes."""
    amount, *rest = orjson.loads(data)
    return Presumed(amount, tuple(rest[0]), *rest[1:]) if rest else Actual(amount)


def _of_budget(state: State, event: BudgetEvent, now_ms: int, offset: int) -> list[Command]:
    match event:
        case BudgetDefined():
            before = [one.budget for one in counters.defined(state, event.org_id)]
            counters.define(state, event, now_ms, offset)
            for budget in before:
                if budget.budget_id == event.budget_id and budget.version < event.version:
                    thresholds.again(state, budget, event, now_ms)
        case BudgetRemoved():
            counters.remove(state, event)
            thresholds.forget(state, event.org_id, event.budget_id)
        case BudgetOpened():
            opened = counters.open_(state, event, now_ms)
            return [] if opened is None else thresholds.check(state, [opened], now_ms, now_ms)
        case OrganisationArrived():
            _arrive(state, event)
    return []


def _arrive(state: State, event: OrganisationArrived) -> None:
    """Take in what an organisation had spent elsewhere. Nothing of it was counted here before."""
    name, known = f"{event.move_id}/{event.attempt}/{event.part}", state.get(event.org_id, ARRIVED) or ()
    newest = max((int(one.split("/")[1]) for one in known if one.startswith(f"{event.move_id}/")), default=0)
    if name in known or event.attempt < newest:
        return
    for field, text in event.fields.items():
        state.put(event.org_id, entry(field), _decoded(field, text.encode()))
    state.put(event.org_id, ARRIVED, (*known, name)[-PARTS_KEPT:])


def _start(state: State, event: CallStarted) -> list[Command]:
    entity = settled_entity(event.call_id)
    state.put(entity, BEGUN, 1)
    state.put(entity, SETTLEMENT, event)
    return [Hold(event)]


def _book(state: State, event: CostEvent, now_ms: int) -> list[Command]:
    fields = spend_fields(event.workflow_name, event.provider, event.model, event.booked_at_ms)
    _spend(state, event.org_id, fields, event.amount_nano)
    fields += counters.book(state, event, now_ms)
    expiries = caps.spend(state, event.caps, event.amount_nano, now_ms)
    amount, entity = event.amount_nano, settled_entity(event.call_id)
    if state.get(entity, BEGUN) is None:
        state.put(entity, BEGUN, 1)
    settlement = Actual(amount) if event.kind == "actual" else Presumed(amount, tuple(fields), event.booked_at_ms)
    reports = _reports(state, event, now_ms) + (_report_to_run(state, event) if event.unreported else [])
    return [*_remember(state, event, settlement, now_ms), _count(event, "booked"), *reports, *expiries]


def _correct(state: State, event: CostEvent, presumed: Presumed, now_ms: int) -> list[Command]:
    """Replace the estimate by the cost in the very fields that the estimate was booked into."""
    difference = event.amount_nano - presumed.amount_nano
    shared = (field for field in presumed.fields if not counters.is_counter(field))
    _spend(state, event.org_id, shared, difference)
    if presumed.booked_at_ms is not None:
        event = structs.replace(event, booked_at_ms=presumed.booked_at_ms)
    counters.correct(state, event, presumed.fields, difference, now_ms)
    caps.correct(state, event.caps, difference)
    reports = _reports(state, event, now_ms) + _report_to_run(state, event)
    return [
        *_remember(state, event, Actual(event.amount_nano), now_ms),
        _count(event, "corrected"),
        *reports,
    ]


def _reports(state: State, event: CostEvent, now_ms: int) -> list[Command]:
    return thresholds.check(state, counters.applying(state, event), event.booked_at_ms, now_ms)


def _report_to_run(state: State, event: CostEvent) -> list[Command]:
    """Report to the run of a call what it cost; a call that no run makes has none."""
    if not event.run_id:
        return []
    settled = CallSettled(
        run_id=event.run_id,
        org_id=event.org_id,
        step_id=event.step_id,
        call_id=event.call_id,
        kind=event.kind,
        amount_nano=event.amount_nano,
    )
    state.put(settled_entity(event.call_id), RUN_REPORT, settled)
    return [Emit(settled)]


def _spend(state: State, org_id: str, fields: Iterable[str], amount_nano: int) -> None:
    for field in fields:
        spend: Entry[int] = entry(field)
        state.put(org_id, spend, (state.get(org_id, spend) or 0) + amount_nano)


def _remember(state: State, event: CostEvent, settlement: Settlement, now_ms: int) -> list[Command]:
    entity = settled_entity(event.call_id)
    state.put(entity, SETTLEMENT, settlement)
    return [ExpireAt(entity, now_ms + SETTLED_HORIZON_MS), _release(event)]


def _release(event: CostEvent) -> Release:
    return Release(event.org_id, event.call_id)


def _count(event: CostEvent, effect: Effect) -> Count:
    return Count(COST_SETTLEMENTS_TOTAL, (("kind", event.kind), ("effect", effect)))
