"""Rows, limits, times and acks."""

from msgspec.structs import replace

from tests.chaos.evidence import Evidence
from tests.chaos.records import RunSeen
from tests.chaos.tampers.tamper import (
    Tampered,
    ended_run,
    first_event,
    tamper,
    with_event,
    with_run,
    with_step,
    without,
)

LATER_MS = 600_000


@tamper("a row is missing in PostgreSQL")
def _no_row(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence)
    return run and Tampered("stores", run, replace(evidence, run_rows=without(evidence.run_rows, run)))


@tamper("a step's cost is another one in PostgreSQL")
def _step_row(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_talk")
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
    rows = evidence.stored_rows | {"step_events": without(evidence.stored_rows["step_events"], run)}
    return Tampered("stores", run, replace(evidence, stored_rows=rows))


@tamper("ClickHouse has one nano-dollar more")
def _analytics_nano(evidence: Evidence) -> Tampered | None:
    run = next(iter(evidence.stored_nano), None)
    if run is None:
        return None
    return Tampered("stores", run, replace(evidence, stored_nano=evidence.stored_nano | {run: 1}))


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
    run = ended_run(evidence, "chaos_wait")
    if run is None:
        return None
    asked = evidence.runs[run].steps["pause"].requested_ms
    return Tampered("times", f"{run}:pause", with_step(evidence, run, "pause", finished_ms=asked))


@tamper("a deadline ends a run too early")
def _early(evidence: Evidence) -> Tampered | None:
    run = ended_run(evidence, "chaos_late", "failed")
    if run is None:
        return None
    return Tampered("times", run, with_run(evidence, run, finished_ms=evidence.runs[run].submitted_ms + 1))


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
    return Tampered("acks", posted.run, with_event(evidence, event, at_ms=event.at_ms + LATER_MS))


@tamper("a worker acks a chain in the middle")
def _early_chain(evidence: Evidence) -> Tampered | None:
    for request in evidence.requests:
        first = first_event(evidence.of_run[request.run], "succeeded", step=request.step, attempt=request.attempt)
        if request.rides and first is not None and first.chain == "continues" and _is_whole(evidence.runs[request.run]):
            events = [
                replace(e, at_ms=e.at_ms + LATER_MS) if e.run == request.run and e is not first else e
                for e in evidence.events
            ]
            name = f"{request.run}:{request.step}:{request.attempt}"
            return Tampered("acks", name, replace(evidence, events=events))
    return None


def _is_whole(seen: RunSeen | None) -> bool:
    return seen is not None and seen.status == "succeeded"
