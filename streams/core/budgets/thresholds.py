"""Thresholds of budgets: which were reached, each reported once per window.

What was reported is in the table, so it is decided in the commit that counted the money. A report that was lost with
its owner is sent again by the next one, with the same id. A change of the limit starts anew: what the new
limit has not reached may be reported again.
"""

from collections.abc import Iterable, Iterator

import msgspec

from schemas.budgets import counted, dimension, spend_field
from schemas.money import usd
from schemas.records.budgets import BudgetDefined, BudgetThreshold, ThresholdReached
from schemas.tables.budgets import DefinedBudget, Report, reported_entry
from schemas.tables.entry import Entry, entry
from schemas.timestamps import format_time
from schemas.windows import LENGTHS_MS
from streams.core.budgets.counters import counter, defined, shares, windows
from streams.core.commands import Command, Emit
from streams.core.state import State

SOURCE = "/agentflow/budgets"


def check(state: State, budgets: Iterable[DefinedBudget], at_ms: int, now_ms: int) -> list[Command]:
    """Return the reports of thresholds that are reached in the windows of ``at_ms`` and were not reported before."""
    return [command for one in budgets for command in _check(state, one.budget, at_ms, now_ms)]


def forget(state: State, org_id: str, budget_id: str) -> None:
    """Forget what was reported of a budget that is no more."""
    state.drop(org_id, reported_entry(budget_id))


def again(state: State, before: BudgetDefined, after: BudgetDefined, now_ms: int) -> None:
    """Let thresholds that a changed limit has not reached be reported again."""
    reports = _reports(state, after)
    if (before.limit_nano == after.limit_nano and before.soft_limit_nano == after.soft_limit_nano) or not reports:
        return
    newest = reports[-1].window_start
    spent = _spent(state, after, now_ms if _window(after, now_ms) == newest else newest)
    still = [one for one in reports if one.window_start != newest or _is_reached(after, one, spent)]
    state.put(after.org_id, reported_entry(after.budget_id), tuple(still))


def outstanding(state: State, org_id: str) -> Iterator[Command]:
    """Yield every report that is remembered, as it was sent."""
    for one in defined(state, org_id):
        for report in _reports(state, one.budget):
            yield Emit(_event(one.budget, report))


def _check(state: State, budget: BudgetDefined, at_ms: int, now_ms: int) -> Iterator[Command]:
    start, reports = _window(budget, at_ms), _reports(state, budget)
    if budget.paused or (reports and start < reports[-1].window_start):
        return
    known = {(one.threshold, one.soft) for one in reports if one.window_start == start}
    spent = _spent(state, budget, at_ms)
    new = [
        report
        for threshold, soft in _thresholds(budget)
        if (threshold, soft) not in known
        and _is_reached(budget, report := Report(start, threshold, soft, spent, budget.limit_nano, now_ms), spent)
    ]
    if new:
        kept = [*reports, *new]
        last = sorted({one.window_start for one in kept})[-2:]
        reported = tuple(one for one in kept if one.window_start in last)
        state.put(budget.org_id, reported_entry(budget.budget_id), reported)
        yield from (Emit(_event(budget, report)) for report in new)


def _thresholds(budget: BudgetDefined) -> Iterator[tuple[int, bool]]:
    yield from ((threshold, False) for threshold in sorted(set(budget.thresholds)))
    if budget.soft_limit_nano is not None:
        yield 100 * budget.soft_limit_nano // max(1, budget.limit_nano), True


def _is_reached(budget: BudgetDefined, report: Report, spent: int) -> bool:
    if report.soft:
        return budget.soft_limit_nano is not None and 0 < spent >= budget.soft_limit_nano
    return spent > 0 and spent * 100 >= report.threshold * budget.limit_nano


def _window(budget: BudgetDefined, at_ms: int) -> int:
    """Return the start of the window that is reported for; a sliding one is reported once per its length."""
    if budget.sliding:
        return at_ms - at_ms % LENGTHS_MS[budget.period]
    return windows(budget).start(at_ms)


def _spent(state: State, budget: BudgetDefined, at_ms: int) -> int:
    if not shares(budget):
        return counted(counter(state, budget.org_id, budget.budget_id), windows(budget), at_ms)
    spend: Entry[int] = entry(spend_field(dimension(budget.scope, budget.target), budget.period, at_ms))
    return state.get(budget.org_id, spend) or 0


def _reports(state: State, budget: BudgetDefined) -> tuple[Report, ...]:
    return state.get(budget.org_id, reported_entry(budget.budget_id)) or ()


def _event(budget: BudgetDefined, report: Report) -> BudgetThreshold:
    kind = "soft" if report.soft else str(report.threshold)
    data = ThresholdReached(
        budget_id=budget.budget_id,
        budget=budget.name,
        scope=budget.scope,
        target=budget.target,
        period=budget.period,
        window_start=format_time(report.window_start),
        threshold=report.threshold,
        soft=report.soft,
        limit_usd=usd(report.limit_nano),
        spent_usd=usd(report.spent_nano),
    )
    return BudgetThreshold(
        specversion="1.0",
        id=f"{budget.budget_id}/{report.window_start}/{kind}/{report.limit_nano}",
        source=SOURCE,
        subject=budget.budget_id,
        time=format_time(report.at_ms),
        datacontenttype="application/json",
        organisation=budget.org_id,
        data=msgspec.to_builtins(data),
    )
