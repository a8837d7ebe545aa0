"""Evidence made wrong on purpose, each way once: a judge that does not notice is no judge.

A tamper takes the evidence of a session in which every promise held, changes one thing of one run, call or table, and
says which judge must name which subject. ``None`` where the session has nothing to change.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tests.chaos.evidence import DeadLetter, Event, Evidence, Money, RunSeen

WRONG = "wrong"
LATER_MS = 600_000


@dataclass(frozen=True, slots=True)
class Tampered:
    """Evidence with one thing wrong: ``judge`` must name ``subject``."""

    judge: str
    subject: str
    evidence: Evidence


Tamper = Callable[[Evidence], Tampered | None]
TAMPERS: dict[str, Tamper] = {}


def tamper(name: str) -> Callable[[Tamper], Tamper]:
    """Register a way to tamper, under what it does."""

    def register(function: Tamper) -> Tamper:
        TAMPERS[name] = function
        return function

    return register


def _run(evidence: Evidence, workflow: str = "", status: str = "succeeded") -> str | None:
    """Return a run that a client submitted, of a workflow and with an end."""
    for run in evidence.accepted:
        seen = evidence.runs[run]
        if seen.status == status and workflow in ("", seen.workflow):
            return run
    return None


def _with_run(evidence: Evidence, run: str, **changes: Any) -> Evidence:
    return replace(evidence, runs=evidence.runs | {run: replace(evidence.runs[run], **changes)})


def _with_step(evidence: Evidence, run: str, step: str, **changes: Any) -> Evidence:
    steps = evidence.runs[run].steps
    return _with_run(evidence, run, steps=steps | {step: replace(steps[step], **changes)})


def _with_event(evidence: Evidence, old: Event, **changes: Any) -> Evidence:
    return replace(evidence, events=[replace(e, **changes) if e is old else e for e in evidence.events])


def _with_money(evidence: Evidence, old: Money, **changes: Any) -> Evidence:
    return replace(evidence, money=[replace(m, **changes) if m is old else m for m in evidence.money])


def _without(rows: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in rows.items() if key != name}


def _first(events: Iterable[Event], kind: str, **wanted: Any) -> Event | None:
    fits = (e for e in events if e.kind == kind and all(getattr(e, name) == one for name, one in wanted.items()))
    return next(fits, None)


def _name(event: Event) -> str:
    return f"{event.run}:{event.step}:{event.attempt}"


def _priced(evidence: Evidence) -> Event | None:
    """Return a counted outcome with one answered call."""
    for outcomes in evidence.counted.values():
        for event in outcomes:
            if event.kind == "succeeded" and len(event.calls) == 1 and event.cost:
                return event
    return None


# States


@tamper("a run loses its terminal event")
def _lost_end(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    return run and Tampered("states", run, _with_run(evidence, run, status="running", ends={}))


@tamper("a run has two terminal states")
def _two_ends(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    if run is None:
        return None
    ends = evidence.runs[run].ends
    return Tampered("states", run, _with_run(evidence, run, ends=ends | {"failed": max(ends.values()) + 1}))


@tamper("an accepted run is not in the log")
def _lost_run(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    events = [event for event in evidence.events if event.run != run]
    return run and Tampered("states", run, replace(evidence, events=events))


@tamper("a run that is refused for ever succeeds")
def _wrong_end(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_doomed", "failed")
    if run is None:
        return None
    version = max(evidence.runs[run].ends.values())
    return Tampered("states", run, _with_run(evidence, run, status="succeeded", code="", ends={"succeeded": version}))


@tamper("a step has two results")
def _two_results(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_talk")
    return run and Tampered("states", f"{run}:ask", _with_step(evidence, run, "ask", outputs=["one", "two"]))


@tamper("a step is open although its run has ended")
def _open_step(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_talk")
    return run and Tampered("states", f"{run}:ask", _with_step(evidence, run, "ask", state="running"))


@tamper("a refused attempt was not repeated")
def _no_retry(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_stubborn")
    return run and Tampered("states", f"{run}:ask", _with_step(evidence, run, "ask", attempt=1))


@tamper("a run is of another organisation")
def _other_org(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    return run and Tampered("states", run, _with_event(evidence, evidence.submitted[run], org="elsewhere"))


@tamper("a run is shown to a stranger")
def _shown(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    return run and Tampered("states", run, replace(evidence, foreign=[run]))


@tamper("a run is there that nobody submitted")
def _unknown_run(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    return run and Tampered("states", run, replace(evidence, expected=_without(evidence.expected, run)))


# Outputs


@tamper("an attempt's output is wrong in the log")
def _output_in_log(evidence: Evidence) -> Tampered | None:
    event = _first(evidence.events, "succeeded", step="ask")
    return event and Tampered("outputs", _name(event), _with_event(evidence, event, output=WRONG))


@tamper("a run's output is wrong in the views")
def _output_in_views(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_family")
    return run and Tampered("outputs", run, _with_run(evidence, run, output={"merge": []}))


@tamper("a run's output is wrong in PostgreSQL")
def _output_in_rows(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_map")
    if run is None:
        return None
    rows = evidence.run_rows | {run: replace(evidence.run_rows[run], output={"end": None})}
    return Tampered("outputs", run, replace(evidence, run_rows=rows))


@tamper("a run's output is wrong in the API")
def _output_in_api(evidence: Evidence) -> Tampered | None:
    run = next((run for run, row in evidence.api.items() if row.status == "succeeded"), None)
    if run is None:
        return None
    return Tampered("outputs", run, replace(evidence, api=evidence.api | {run: replace(evidence.api[run], output={})}))


# Costs


@tamper("a run costs one nano-dollar more")
def _one_more(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_talk")
    return run and Tampered("costs", run, _with_run(evidence, run, cost=evidence.runs[run].cost + 1))


@tamper("a run forgets the cost of an attempt")
def _one_less(evidence: Evidence) -> Tampered | None:
    event = _priced(evidence)
    if event is None:
        return None
    seen = evidence.runs[event.run]
    return Tampered("costs", event.run, _with_run(evidence, event.run, cost=seen.cost - event.cost))


@tamper("an outcome costs one nano-dollar more than its calls")
def _outcome_more(evidence: Evidence) -> Tampered | None:
    event = _priced(evidence)
    return event and Tampered("costs", _name(event), _with_event(evidence, event, cost=event.cost + 1))


@tamper("a call is in two outcomes")
def _call_twice(evidence: Evidence) -> Tampered | None:
    event = _priced(evidence)
    if event is None:
        return None
    last = max(one.offset for one in evidence.events if one.partition == event.partition)
    again = replace(event, step="another", offset=last + 1)
    return Tampered("costs", event.calls[0], replace(evidence, events=[*evidence.events, again]))


# Caps, codes, dead letters


@tamper("a request may spend the whole cap")
def _whole_cap(evidence: Evidence) -> Tampered | None:
    capped = ((r, evidence.expectation(r.run)) for r in evidence.requests if r.cap_left is not None)
    request = next((r for r, one in capped if one is not None and (r.cap_left or 0) < (one.cap_nano or 0)), None)
    if request is None:
        return None
    requests = [
        replace(r, cap_left=evidence.expected[r.run].cap_nano) if r is request else r for r in evidence.requests
    ]
    return Tampered("caps", f"{request.run}:{request.step}:{request.attempt}", replace(evidence, requests=requests))


@tamper("a call is held at more than its run's cap leaves")
def _held_over_cap(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_narrow", "failed")
    money = next((m for m in evidence.money if m.kind == "started" and m.run == run), None)
    return money and Tampered("caps", money.call, _with_money(evidence, money, amount=10**9))


@tamper("a run fails for another reason in the views")
def _code(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_late", "failed")
    return run and Tampered("codes", run, _with_run(evidence, run, code="poison"))


@tamper("a run fails for another reason in PostgreSQL")
def _code_in_rows(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_unheard", "failed")
    if run is None:
        return None
    rows = evidence.run_rows | {run: replace(evidence.run_rows[run], code="timeout")}
    return Tampered("codes", run, replace(evidence, run_rows=rows))


@tamper("a good record is a dead letter")
def _dead_letter(evidence: Evidence) -> Tampered | None:
    letter = DeadLetter(topic="run-events.dlq", key="a-run", reason="schema", message="wrong")
    return Tampered("dead letters", "a-run", replace(evidence, dead_letters=[*evidence.dead_letters, letter]))


@tamper("a bad record is no dead letter")
def _no_dead_letter(evidence: Evidence) -> Tampered | None:
    bad = next(iter(evidence.bad), None)
    letters = [letter for letter in evidence.dead_letters if letter.key != bad]
    return bad and Tampered("dead letters", bad, replace(evidence, dead_letters=letters))


# Money


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
    return money and Tampered("overspend", money.call, _with_money(evidence, money, amount=10**9))


@tamper("a settlement is missing")
def _unsettled(evidence: Evidence) -> Tampered | None:
    event = _priced(evidence)
    if event is None:
        return None
    money = [m for m in evidence.money if m.kind == "started" or m.call != event.calls[0]]
    return Tampered("bill", event.calls[0], replace(evidence, money=money))


@tamper("an answer is settled twice")
def _settled_twice(evidence: Evidence) -> Tampered | None:
    money = next((m for m in evidence.money if m.kind == "actual" and m.amount), None)
    if money is None:
        return None
    key = money.call.rpartition("@")[0]
    return Tampered("bill", key, replace(evidence, money=[*evidence.money, replace(money, call=f"{money.call}0")]))


@tamper("a settlement has another price")
def _mispriced(evidence: Evidence) -> Tampered | None:
    money = next((m for m in evidence.money if m.kind == "actual" and m.amount), None)
    if money is None:
        return None
    return Tampered("bill", money.call.rpartition("@")[0], _with_money(evidence, money, amount=money.amount + 1))


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


# Cancels, signals, families


@tamper("a canceled run goes on and succeeds")
def _uncanceled(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_busy", "canceled")
    if run is None:
        return None
    end = max(evidence.of_run[run], key=lambda one: one.offset)
    later = replace(end, kind="succeeded", step="two", offset=end.offset + 1, at_ms=end.at_ms + 1)
    ends = {"succeeded": later.offset}
    changed = _with_run(evidence, run, status="succeeded", code="", ends=ends, finished_ms=later.at_ms)
    return Tampered("cancels", run, replace(changed, events=[*evidence.events, later]))


@tamper("a cancel that was taken is lost")
def _lost_cancel(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.canceled), None)
    events = [event for event in evidence.events if (event.run, event.kind) != (run, "cancel")]
    return run and Tampered("cancels", run, replace(evidence, events=events))


@tamper("a signal is taken twice")
def _signal_twice(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_signal")
    if run is None:
        return None
    first = evidence.runs[run].steps["first"].outputs
    return Tampered("signals", run, _with_step(evidence, run, "second", outputs=first))


@tamper("a signal that was taken is lost")
def _lost_signal(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.signaled), None)
    events = [event for event in evidence.events if (event.run, event.kind) != (run, "signal")]
    return run and Tampered("signals", run, replace(evidence, events=events))


@tamper("two children's outputs are swapped")
def _swapped(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_family")
    ends = [event for event in evidence.of_run.get(run or "", ()) if event.kind == "child"]
    if run is None or len(ends) != 2:
        return None
    other = {id(ends[0]): ends[1].output, id(ends[1]): ends[0].output}
    events = [replace(e, output=other[id(e)]) if id(e) in other else e for e in evidence.events]
    return Tampered("families", f"{run}:{ends[0].step}", replace(evidence, events=events))


@tamper("a child's cost counts twice")
def _child_twice(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_family")
    if run is None:
        return None
    return Tampered("families", run, _with_run(evidence, run, children_nano=evidence.runs[run].children_nano * 2))


@tamper("a child outlives its canceled parent")
def _orphan(evidence: Evidence) -> Tampered | None:
    for run, event in evidence.submitted.items():
        if event.workflow == "chaos_idle" and event.parent:
            return Tampered("families", run, _with_run(evidence, run, status="running", ends={}))
    return None


# Stores


@tamper("a row is missing in PostgreSQL")
def _no_row(evidence: Evidence) -> Tampered | None:
    run = _run(evidence)
    return run and Tampered("stores", run, replace(evidence, run_rows=_without(evidence.run_rows, run)))


@tamper("a step's cost is another one in PostgreSQL")
def _step_row(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_talk")
    if run is None:
        return None
    rows = evidence.step_rows[run]
    rows = rows | {"ask": replace(rows["ask"], cost=rows["ask"].cost + 1)}
    return Tampered("stores", run, replace(evidence, step_rows=evidence.step_rows | {run: rows}))


@tamper("the API shows another cost")
def _api_cost(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.api), None)
    if run is None:
        return None
    return Tampered("stores", run, replace(evidence, api=evidence.api | {run: replace(evidence.api[run], cost=1)}))


@tamper("a row is missing in ClickHouse")
def _no_analytics(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.stored_rows["step_events"]))
    rows = evidence.stored_rows | {"step_events": _without(evidence.stored_rows["step_events"], run)}
    return Tampered("stores", run, replace(evidence, stored_rows=rows))


@tamper("ClickHouse has one nano-dollar more")
def _analytics_nano(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.stored_nano), None)
    if run is None:
        return None
    return Tampered("stores", run, replace(evidence, stored_nano=evidence.stored_nano | {run: 1}))


# Limits, times, acks


@tamper("a place is not given back")
def _place_left(evidence: Evidence) -> Tampered | None:
    org = next(iter(evidence.places))
    return Tampered("limits", org, replace(evidence, places=evidence.places | {org: [1, 0]}))


@tamper("more runs have their turn than may")
def _too_many(evidence: Evidence) -> Tampered | None:
    limit = min(evidence.limits, key=lambda one: one.most, default=None)
    if limit is None:
        return None
    at_ms = max(moment.at_ms for moment in evidence.moments)
    moments = [one if one.admitted else replace(one, at_ms=at_ms + LATER_MS) for one in evidence.moments]
    return Tampered("limits", f"{limit.org} {limit.target}".strip(), replace(evidence, moments=moments))


@tamper("a run without limits waits for its turn")
def _waits(evidence: Evidence) -> Tampered | None:
    limited = {limit.org for limit in evidence.limits}
    moment = next(iter(evidence.moments), None)
    run = next((run for run, event in evidence.submitted.items() if event.org not in limited), None)
    if run is None or moment is None:
        return None
    return Tampered("limits", run, replace(evidence, moments=[*evidence.moments, replace(moment, run=run)]))


@tamper("a wait is too short")
def _short_wait(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_wait")
    if run is None:
        return None
    asked = evidence.runs[run].steps["pause"].requested_ms
    return Tampered("times", f"{run}:pause", _with_step(evidence, run, "pause", finished_ms=asked))


@tamper("a deadline ends a run too early")
def _early(evidence: Evidence) -> Tampered | None:
    run = _run(evidence, "chaos_late", "failed")
    if run is None:
        return None
    return Tampered("times", run, _with_run(evidence, run, finished_ms=evidence.runs[run].submitted_ms + 1))


@tamper("a request is acked before its outcome is in the log")
def _early_ack(evidence: Evidence) -> Tampered | None:
    request = next((r for r in evidence.requests if r.step == "ask" and _is_whole(evidence.runs.get(r.run))), None)
    if request is None:
        return None
    late = [
        replace(e, at_ms=e.at_ms + LATER_MS) if e.run == request.run and e.kind in ("succeeded", "failed") else e
        for e in evidence.events
    ]
    name = f"{request.run}:{request.step}:{request.attempt}"
    return Tampered("acks", name, replace(evidence, events=late))


@tamper("a submission is acked before its run is in the log")
def _early_submission(evidence: Evidence) -> Tampered | None:
    posted = next((one for one in evidence.posted if one.run in evidence.submitted), None)
    if posted is None:
        return None
    event = evidence.submitted[posted.run]
    return Tampered("acks", posted.run, _with_event(evidence, event, at_ms=event.at_ms + LATER_MS))


@tamper("a worker acks a chain in the middle")
def _early_chain(evidence: Evidence) -> Tampered | None:
    for request in evidence.requests:
        first = _first(evidence.of_run[request.run], "succeeded", step=request.step, attempt=request.attempt)
        if request.rides and first is not None and first.chain == "goes_on" and _is_whole(evidence.runs[request.run]):
            events = [
                replace(e, at_ms=e.at_ms + LATER_MS) if e.run == request.run and e is not first else e
                for e in evidence.events
            ]
            name = f"{request.run}:{request.step}:{request.attempt}"
            return Tampered("acks", name, replace(evidence, events=events))
    return None


def _is_whole(seen: RunSeen | None) -> bool:
    return seen is not None and seen.status == "succeeded"
