"""Costs, caps, the log of money, the bill and the table of budgets."""

from msgspec.structs import replace

from tests.chaos.evidence import Evidence
from tests.chaos.judges.bill import key_of
from tests.chaos.tampers.tamper import (
    Tampered,
    ended_run,
    name_of,
    priced_outcome,
    tamper,
    with_event,
    with_money,
    with_run,
)


@tamper("a run costs one nano-dollar more")
def _one_more(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_talk")
    return run and Tampered("costs", run, with_run(evidence, run, cost=evidence.runs[run].cost + 1))


@tamper("a run forgets the cost of an attempt")
def _one_less(evidence: Evidence) -> Tampered | None:
    event = priced_outcome(evidence)
    if event is None:
        return None
    seen = evidence.runs[event.run]
    return Tampered("costs", event.run, with_run(evidence, event.run, cost=seen.cost - event.cost))


@tamper("an outcome costs one nano-dollar more than its calls")
def _outcome_more(evidence: Evidence) -> Tampered | None:
    event = priced_outcome(evidence)
    return event and Tampered("costs", name_of(event), with_event(evidence, event, cost=event.cost + 1))


@tamper("a call is in two outcomes")
def _call_twice(evidence: Evidence) -> Tampered | None:
    event = priced_outcome(evidence)
    if event is None:
        return None
    last = max(one.offset for one in evidence.events if one.partition == event.partition)
    again = replace(event, step="another", offset=last + 1)
    return Tampered("costs", event.calls[0], replace(evidence, events=[*evidence.events, again]))


@tamper("a budget is passed at an offset of the log")
def _overspent(evidence: Evidence) -> Tampered | None:
    limit = next((one for one in evidence.budgets if one.scope == "workflow"), None)
    start = limit and next(
        (m for m in evidence.started.values() if (m.org, m.workflow) == (limit.org, limit.target)), None
    )
    if limit is None or start is None:
        return None
    more = replace(start, call=f"{start.call}0", amount=limit.most, offset=start.offset)
    paid = replace(more, kind="actual", amount=0)
    return Tampered("overspend", f"{limit.org} {limit.name}", replace(evidence, money=[*evidence.money, more, paid]))


@tamper("a call is settled above its estimate")
def _above_estimate(evidence: Evidence) -> Tampered | None:
    money = next((m for m in evidence.money if m.kind == "actual" and m.amount), None)
    return money and Tampered("overspend", money.call, with_money(evidence, money, amount=10**9))


@tamper("a settlement is missing")
def _unsettled(evidence: Evidence) -> Tampered | None:
    event = priced_outcome(evidence)
    if event is None:
        return None
    money = [m for m in evidence.money if m.kind == "started" or m.call != event.calls[0]]
    return Tampered("bill", event.calls[0], replace(evidence, money=money))


@tamper("an answer is settled twice")
def _settled_twice(evidence: Evidence) -> Tampered | None:
    money = next((m for m in evidence.money if m.kind == "actual" and m.amount), None)
    if money is None:
        return None
    return Tampered(
        "bill", key_of(money.call), replace(evidence, money=[*evidence.money, replace(money, call=f"{money.call}0")])
    )


@tamper("a settlement has another price")
def _mispriced(evidence: Evidence) -> Tampered | None:
    money = next((m for m in evidence.money if m.kind == "actual" and m.amount), None)
    if money is None:
        return None
    return Tampered("bill", key_of(money.call), with_money(evidence, money, amount=money.amount + 1))


@tamper("the provider bills an answer that nobody settled")
def _billed(evidence: Evidence) -> Tampered | None:
    key = next((key for key, answers in evidence.answers.items() if answers), None)
    if key is None:
        return None
    answers = evidence.answers | {key: [*evidence.answers[key], *evidence.answers[key] * 3]}
    return Tampered("bill", key, replace(evidence, answers=answers))


@tamper("the provider was asked before the log knew")
def _unannounced(evidence: Evidence) -> Tampered | None:
    key = next(iter(evidence.calls), None)
    return key and Tampered("bill", key, replace(evidence, calls=evidence.calls | {key: 99}))


@tamper("the table of budgets has one nano-dollar more")
def _table(evidence: Evidence) -> Tampered | None:
    org = next(iter(evidence.spent))
    spent = evidence.spent | {org: evidence.spent[org] | {"org|total": evidence.spent[org].get("org|total", 0) + 1}}
    return Tampered("budget table", f"{org} org|total", replace(evidence, spent=spent))


@tamper("a hold is left")
def _hold_left(evidence: Evidence) -> Tampered | None:
    org = next(iter(evidence.spent))
    return Tampered("budget table", f"{org} org|total", replace(evidence, held={org: {"org|total": 28_000}}))
