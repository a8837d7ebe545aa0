"""Counters of budgets: what was spent of those that share no spend field, each in one entry of its organisation.

The definitions are in the log, and so is when each was made: a counter counts the settlements after its definition,
and what the ledger says of those before (``BudgetOpened``), so it is the same whenever it is folded again. A window
that has passed is remembered for a while (``Windows.remembered_from``), by the partition's clock; what comes later is
not counted.

A presumed settlement from before the definition may be corrected after it. The ledger's amounts hold the estimate, so
the difference counts as soon as these are there; until then it is kept (``late``).
"""

from collections.abc import Iterator, Mapping

import msgspec

from schemas.budgets import COUNTER_PREFIX, Spender, applies, booked_field, counter_entry, is_shared, windows_of
from schemas.records.budgets import BudgetDefined, BudgetOpened, BudgetRemoved
from schemas.records.money import CallStarted, CostEvent
from schemas.tables.budgets import DEFINED, REMOVED, Counter, DefinedBudget
from schemas.tables.entry import Entry, entry
from schemas.windows import Windows
from streams.core.state import State

#: How many removed budgets are remembered. Their definitions come again soon after, if ever.
REMOVED_KEPT = 1_000


def windows(budget: BudgetDefined) -> Windows:
    """Return the windows of a budget."""
    return windows_of(budget.period, budget.timezone, budget.week_start, budget.sliding)


def shares(budget: BudgetDefined) -> bool:
    """Return whether a budget's spend is a shared field."""
    return is_shared(budget.scope, windows(budget))


def defined(state: State, org_id: str) -> tuple[DefinedBudget, ...]:
    """Return an organisation's budgets, in the order of their definitions."""
    return state.get(org_id, DEFINED) or ()


def applying(state: State, event: CallStarted | CostEvent) -> Iterator[DefinedBudget]:
    """Yield the budgets that a call spends of."""
    spender: Spender | None = None
    for one in defined(state, event.org_id):
        spender = spender or spender_of(event)
        if applies(one.budget.scope, one.budget.target, spender):
            yield one


def spender_of(event: CallStarted | CostEvent) -> Spender:
    """Return what budgets can name of a call."""
    node = f"{event.workflow_name}/{event.node_id}"
    return Spender(event.workflow_name, event.provider, event.model, node, event.prompt_name, event.tags)


def counter(state: State, org_id: str, budget_id: str) -> Counter:
    """Return a budget's counter: amounts by the starts of their windows."""
    return state.get(org_id, _entry(budget_id)) or {}


def define(state: State, event: BudgetDefined, now_ms: int, offset: int) -> None:
    """Take in a definition. One that is not newer than the known one, or of a removed budget, changes nothing."""
    if event.budget_id in (state.get(event.org_id, REMOVED) or ()):
        return
    known = {one.budget.budget_id: one for one in defined(state, event.org_id)}
    before = known.get(event.budget_id)
    if before is not None and before.budget.version >= event.version:
        return
    if before is None:
        known[event.budget_id] = DefinedBudget(event, offset, now_ms)
        if not shares(event):
            state.put(event.org_id, _entry(event.budget_id), {})
    else:
        known[event.budget_id] = msgspec.structs.replace(before, budget=event)
    state.put(event.org_id, DEFINED, tuple(known.values()))


def remove(state: State, event: BudgetRemoved) -> None:
    """Forget a budget and its counter."""
    others = tuple(one for one in defined(state, event.org_id) if one.budget.budget_id != event.budget_id)
    state.put(event.org_id, DEFINED, others)
    removed = [one for one in state.get(event.org_id, REMOVED) or () if one != event.budget_id]
    state.put(event.org_id, REMOVED, (*removed, event.budget_id)[-REMOVED_KEPT:])
    state.drop(event.org_id, _entry(event.budget_id))


def open_(state: State, event: BudgetOpened, now_ms: int) -> DefinedBudget | None:
    """Add what was spent before a budget was defined, once; return the budget if it was added."""
    for one in defined(state, event.org_id):
        if one.budget.budget_id == event.budget_id and not one.opened and one.since_offset == event.as_of_offset:
            for start, amount in (*event.amounts.items(), *one.late.items()):
                add(state, one, int(start), amount, now_ms)
            opened = msgspec.structs.replace(one, opened=True, late={}, since_ms=event.counted_since_ms)
            _replace(state, opened)
            return opened
    return None


def book(state: State, event: CostEvent, now_ms: int) -> list[str]:
    """Count a settlement in the counters of all budgets that it spends of; return the windows, as fields."""
    fields = []
    for one in applying(state, event):
        if not shares(one.budget):
            start = windows(one.budget).start(event.booked_at_ms)
            add(state, one, start, event.amount_nano, now_ms)
            fields.append(booked_field(one.budget.budget_id, start))
    return fields


def correct(state: State, event: CostEvent, fields: tuple[str, ...], difference: int, now_ms: int) -> None:
    """Count the difference to an estimate where that was counted, and where the ledger has it."""
    booked = dict(_parsed(fields))
    for one in applying(state, event):
        if shares(one.budget):
            continue
        start = booked.get(one.budget.budget_id)
        if start is not None:
            add(state, one, start, difference, now_ms)
        else:
            _correct_ledger(state, one, windows(one.budget).start(event.booked_at_ms), difference, now_ms)


def add(state: State, one: DefinedBudget, start: int, amount: int, now_ms: int) -> None:
    """Add to a window of a counter; windows that have passed for long leave it."""
    first = windows(one.budget).remembered_from(now_ms)
    amounts = counter(state, one.budget.org_id, one.budget.budget_id)
    kept = {at: spent for at, spent in amounts.items() if at >= first}
    if start >= first:
        kept[start] = kept.get(start, 0) + amount
    state.put(one.budget.org_id, _entry(one.budget.budget_id), kept)


def is_counter(field: str) -> bool:
    """Return whether an entry, or the field of a settlement, is of a counter."""
    return field.startswith(COUNTER_PREFIX)


def _correct_ledger(state: State, one: DefinedBudget, start: int, difference: int, now_ms: int) -> None:
    if one.opened:
        add(state, one, start, difference, now_ms)
        return
    late: Mapping[str, int] = one.late
    name = str(start)
    _replace(state, msgspec.structs.replace(one, late={**late, name: late.get(name, 0) + difference}))


def _replace(state: State, one: DefinedBudget) -> None:
    org_id, budget_id = one.budget.org_id, one.budget.budget_id
    found = tuple(one if other.budget.budget_id == budget_id else other for other in defined(state, org_id))
    state.put(org_id, DEFINED, found)


def _parsed(fields: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for field in fields:
        if is_counter(field):
            budget_id, _, start = field.removeprefix(COUNTER_PREFIX).partition("|")
            yield budget_id, int(start)


def _entry(budget_id: str) -> Entry[Counter]:
    return entry(counter_entry(budget_id))
